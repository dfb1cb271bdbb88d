import { handleOf } from "../../store/remote-object.js";
import type { DumpImage } from "../dump.js";
import { fileRanges } from "./file-ranges.js";
import { sourcesOf } from "./input-changed.js";
import type { SourceImage } from "./source-image.js";

/** A stretch of physical memory, end exclusive. */
type Stretch = readonly [start: number, end: number];

/**
 * Tells stores which pieces of memory will be read next, in any order: they are fetched side by side then, and not one after the other, each of which takes a
 * store some 20 ms. Replaces what was told before. `pieces` is called only where an input is in a store.
 */
export function expectReads(image: DumpImage, pieces: () => Iterable<Stretch>): void {
  if (sourcesOf(image).every(({ remote }) => remote === undefined)) return;
  const files = fileRanges(image);
  const wanted = new Map<SourceImage, Stretch[]>();
  const take = (source: SourceImage, start: number, end: number) => {
    const list = wanted.get(source) ?? [];
    if (list.length === 0) wanted.set(source, list);
    list.push([start, end]);
  };
  for (const [start, end] of pieces()) files.memory(start, end, take);
  for (const [{ remote }, list] of wanted) {
    const ranges: number[] = [];
    for (const [start, end] of list.sort(([a], [b]) => a - b)) {
      const last = ranges.length - 1;
      if (last < 0 || start > (ranges[last] as number)) ranges.push(start, end);
      else ranges[last] = Math.max(ranges[last] as number, end);
    }
    if (remote !== undefined) handleOf(remote)?.follow(Float64Array.from(ranges), true);
  }
}
