import { setTimeout } from "node:timers/promises";
import { PREFIX, type Queues } from "./queues.js";

/** Redis's channel on which it is told that there may be work, or that a run is over. */
const CHANNEL = `${PREFIX}:bell`;

/** Wakes who waits for work or for an end. Nothing hangs on it: whoever waits looks now and then, too, and a bell that nobody hears costs that time. */
export class Bell {
  #rung = false;
  #wake: AbortController | undefined;
  #stop: () => void = () => undefined;

  /** Hears what is rung on other hosts. Accounts that may not subscribe do without. */
  async listen({ redis }: Pick<Queues, "redis">): Promise<void> {
    const ear = "nodes" in redis ? redis.duplicate() : redis.duplicate();
    ear.on("error", () => undefined);
    this.#stop = () => ear.disconnect();
    ear.on("message", () => this.ring());
    await ear.subscribe(CHANNEL).catch(() => undefined);
  }

  /** In this process only. */
  ring(): void {
    this.#rung = true;
    this.#wake?.abort();
  }

  /** Until it is rung, or was since the last time, or so many milliseconds are over. Throws what an aborted `signal` makes a timer throw. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#rung) {
      this.#wake = new AbortController();
      const until = signal === undefined ? this.#wake.signal : AbortSignal.any([this.#wake.signal, signal]);
      await setTimeout(ms, undefined, { signal: until }).catch((error: unknown) => {
        if (!this.#rung) throw error;
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }

  close(): void {
    this.#stop();
  }
}

/** Rings on all hosts. Never throws. */
export async function ringAll({ redis }: Pick<Queues, "redis">): Promise<void> {
  await redis.publish(CHANNEL, "").catch(() => undefined);
}
