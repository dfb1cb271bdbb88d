import { createHash } from "node:crypto";
import { formatBytes } from "../byte-size.js";
import { stagingPlace } from "../shard/staging-place.js";
import { cleanStagings, DAY, isRunKnown } from "./clean-stagings.js";
import type { Host } from "./host.js";
import { PREFIX } from "./queues.js";

/** Regularly removes what runs left that the queue has forgotten. */
export interface Cleaner {
  /** Starts cleaning if it is time, and does not wait for it. */
  look(): void;
  /** Waits until cleaning has stopped. */
  over(): Promise<void>;
}

export interface Cleaning {
  /** Folders and `s3://bucket/prefix/`. */
  readonly places: readonly string[];
  readonly hours: number;
  /** Days. */
  readonly keepFailed: number;
  readonly signal: AbortSignal;
}

const HOUR = 3600 * 1000;
/** Milliseconds between two checks whether it is time. */
const ASK = 60_000;

/**
 * Cleans the places to which a worker may write, every `hours`, like `coresieve jobs clean --remove`, with the age for
 * which failed runs are remembered. In each place, one worker of the fleet does it. Stops with the worker, between two
 * stagings.
 */
export function cleanerOf(host: Host, { places, hours, keepFailed, signal }: Cleaning): Cleaner {
  const age = keepFailed * DAY;
  let asked = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  const clean = async (path: string) => {
    const name = createHash("sha256").update(path).digest("hex").slice(0, 32);
    const key = `${PREFIX}:cleaned:${name}`;
    if ((await host.queues.redis.set(key, host.name, "PX", hours * HOUR, "NX")) !== "OK") return;
    const options = {
      remove: true,
      now: host.queues.clock.now(),
      age,
      isKnown: (id: string) => isRunKnown(host.queues, id),
    };
    for await (const { path: found, fate, bytes, reason } of cleanStagings(
      await stagingPlace(path, host.store),
      options,
    )) {
      if (fate === "removed") host.log(`${found}: was left by a run, removed, ${formatBytes(bytes ?? 0)}`);
      if (fate === "failed") host.log(`${found}: ${reason}`);
      if (signal.aborted) return;
    }
  };
  const cleanAll = async () => {
    for (const path of new Set(places)) {
      if (signal.aborted) return;
      await clean(path).catch((error: unknown) => host.log(`${path}: is not cleaned: ${String(error)}`));
    }
  };
  return {
    look() {
      if (running !== undefined || performance.now() - asked < ASK) return;
      asked = performance.now();
      running = cleanAll().finally(() => {
        running = undefined;
      });
    },
    async over() {
      await running;
    },
  };
}
