import { setTimeout } from "node:timers/promises";
import { PREFIX, type Queues } from "./queues.js";

/** Redis's channel for the message that there may be work, or that a run is finished. */
const CHANNEL = `${PREFIX}:bell`;

/**
 * Wakes those who wait for work or for the end of a run. Nothing depends on it: they also check at intervals, and a
 * lost message only costs that time.
 */
export class Bell {
  #rung = false;
  #wake: AbortController | undefined;
  #stop: () => void = () => undefined;

  /** Receives messages of other hosts. Accounts that may not subscribe work without them. */
  async listen({ redis }: Pick<Queues, "redis">): Promise<void> {
    // A server's connection would subscribe again by itself, but if it may not any more, nobody could catch the error,
    // which would end the process. A cluster's connection catches it.
    const ear = "nodes" in redis ? redis.duplicate() : redis.duplicate({ autoResubscribe: false });
    const subscribe = () => ear.subscribe(CHANNEL).catch(() => undefined);
    ear.on("error", () => undefined);
    this.#stop = () => ear.disconnect();
    ear.on("message", () => this.ring());
    await subscribe();
    if (!("nodes" in ear)) ear.on("ready", subscribe);
  }

  /** Rings in this process only. */
  ring(): void {
    this.#rung = true;
    this.#wake?.abort();
  }

  /**
   * Waits until the bell rings, has rung since the last wait, or this many milliseconds have passed. Throws what a
   * timer throws when `signal` is aborted.
   */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#rung) {
      const wake = new AbortController();
      this.#wake = wake;
      // Not `AbortSignal.any`: with Node 20 each of its signals leaves something behind in a signal that lives on.
      const end = () => wake.abort();
      signal?.addEventListener("abort", end);
      if (signal?.aborted) end();
      try {
        await setTimeout(ms, undefined, { signal: wake.signal }).catch((error: unknown) => {
          if (!this.#rung) throw error;
        });
      } finally {
        signal?.removeEventListener("abort", end);
        this.#wake = undefined;
      }
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
