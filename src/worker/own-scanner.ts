import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../errors.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { ScanPool } from "./classify-pages.js";
import { readAhead } from "./read-ahead.js";
import { scanPages, scanState } from "./scan.js";
import type { ScanContext } from "./tasks.js";

/**
 * Pass 1 in this thread alone, one task per turn of the event loop. For small memory that is cheaper than a thread,
 * whose start takes as long as classifying 4 GiB.
 */
export function ownScanner(dump: Dump, kept: PageBitmap, kernel: ScanContext, signal?: AbortSignal): ScanPool {
  const { memory, pageSize, image } = dump;
  const state = scanState(memory, pageSize, kept, kernel);
  return {
    inFlight: 1,
    readAhead: readAhead({ image, pageSize, kept, kernel }),
    expect: () => undefined,
    async scan(task) {
      await setImmediate();
      throwIfAborted(signal);
      return scanPages(state, task);
    },
    end: async () => state.classifier.end(),
  };
}
