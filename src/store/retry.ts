import { setTimeout } from "node:timers/promises";
import { isPassing } from "./s3-errors.js";

/** First pause in milliseconds; each is twice the one before, up to the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
/** A store that has answered before is waited for so long, in milliseconds. */
const PATIENCE = 120_000;
/** Tries with a store that has never answered: its address may just be wrong. */
const FIRST_TRIES = 4;

/** Repeats requests that fail for passing reasons: with growing pauses, of random length so that many clients spread out. */
export class Retries {
  readonly #patience: number;
  #answered = false;
  /** Requests that were repeated. */
  repeated = 0;

  /** `patience` is CORESIEVE_S3_PATIENCE: in seconds. */
  constructor(patience: string | undefined = process.env["CORESIEVE_S3_PATIENCE"]) {
    const said = Number(patience);
    this.#patience = patience && said >= 0 ? said * 1000 : PATIENCE;
  }

  /** `progressed` says whether the last try brought something: then patience begins anew. */
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
