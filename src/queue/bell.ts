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
    // The same twice: TypeScript does not call a method of a union whose members overload it.
    const ear = "nodes" in redis ? redis.duplicate() : redis.duplicate();
    ear.on("error", () => undefined);
    this.#stop = () => ear.disconnect();
    ear.on("message", () => this.ring());
    await ear.subscribe(CHANNEL).catch(() => undefined);
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
