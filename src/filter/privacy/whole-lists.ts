import { type KernelObjects, walkList } from "../../kernel/objects/kernel-objects.js";
import type { ScrubList } from "./scrubbed.js";

/**
 * `walkList` for a search that says whether it found all: where the walk does not reach the list's end (a place that the
 * dump lacks, a circle, too many entries), `found.cut` is set.
 */
export function* wholeList(
  found: Pick<ScrubList, "cut">,
  kernel: Pick<KernelObjects, "memory" | "types">,
  [head, type, path]: readonly [head: bigint, type: string, path: string],
  limit: number,
): Generator<bigint, void> {
  if ((yield* walkList(kernel, head, type, path, limit)) !== "end") found.cut = true;
}
