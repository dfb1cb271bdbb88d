import { setTimeout } from "node:timers/promises";
import { isPassing } from "./s3-errors.js";

/** The first pause in milliseconds. Each pause is twice the previous one, up to the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
/** How long to retry with a store that has answered before, in milliseconds. */
const PATIENCE = 120_000;
/** Tries with a store that has never answered: its address may be wrong. */
const FIRST_TRIES = 4;

/** How long to retry, in milliseconds, by CORESIEVE_S3_PATIENCE, which is in seconds. */
export function patienceOf(text: string | undefined = process.env["CORESIEVE_S3_PATIENCE"]): number {
  const seconds = Number(text);
  return text && seconds >= 0 ? seconds * 1000 : PATIENCE;
}

/**
 * Repeats requests that fail for temporary reasons. The pauses grow, and are partly random so that the requests of many
 * clients are spread.
 */
export class Retries {
  readonly #patience: number;
  #answered = false;
  /** Requests that were repeated. */
  repeated = 0;

  /** `patience` is CORESIEVE_S3_PATIENCE, in seconds. */
  constructor(patience?: string) {
    this.#patience = patienceOf(patience);
  }

  /** `progressed` returns whether the last try made progress; then the time limit starts again. */
  async run<T>(request: () => Promise<T>, progressed: () => boolean = () => false): Promise<T> {
    let tries = 0;
    let since: number | undefined;
    for (;;) {
      try {
        const result = await request();
        this.#answered = true;
        return result;
      } catch (error) {
        if (!isPassing(error)) {
          this.#answered = true;
          throw error;
        }
        if (progressed()) {
          tries = 0;
          since = undefined;
        }
        const now = performance.now();
        since ??= now;
        tries++;
        if (now - since > this.#patience || (!this.#answered && tries >= FIRST_TRIES)) throw error;
        this.repeated++;
        const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1));
        await setTimeout(pause * (0.5 + Math.random() / 2));
      }
    }
  }
}
