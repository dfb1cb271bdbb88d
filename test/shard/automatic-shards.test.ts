/** How many shards a run has if nobody says it. */
import { expect, test } from "vitest";
import { automaticShards } from "../../src/shard/shard-plan.js";

const MIB = 256;

test.each([
  // Kept MiB, workers, in a folder, in a store.
  [1, 1, 1, 1],
  [128, 2, 2, 1],
  [256, 2, 4, 1],
  [257, 2, 5, 2],
  [1024, 2, 8, 4],
  [1024, 16, 16, 4],
  // One worker has nobody to share with.
  [1024, 1, 1, 1],
  [1025, 1, 2, 2],
  [1024, undefined, 4, 4],
  [64 * 1024, 1, 64, 64],
  [64 * 1024, 64, 256, 256],
])(
  "%d MiB of pages, %s workers: %d in a folder, %d in a store, where edges of small ones cross the network again",
  (kept, workers, inFolder, inStore) => {
    expect(automaticShards(kept * MIB, workers, false)).toBe(inFolder);
    expect(automaticShards(kept * MIB, workers, true)).toBe(inStore);
  },
);
