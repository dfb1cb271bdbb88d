import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { firstIndex } from "../../sorted.js";
import { SpanList } from "../erase/spans.js";
import { knownTimers } from "./strict/known-timers.js";

/**
 * A list without waiting timers inside its pieces. Drivers have some behind their `struct net_device`, whose end is not
 * known before 6.13, and overwriting a timer would cut off those behind it in its list.
 */
export function withoutTimers(space: AddressSpace, kernel: KernelObjects, list: SpanList): SpanList {
  const { start, end } = list.merged(0);
  if (start.length === 0) return list;
  const timers: [number, number][] = [];
  knownTimers(kernel, {
    object(type, address) {
      const paddr = space.translate(address)?.paddr;
      const length = kernel.types.sizeOf(type);
      if (paddr === undefined || length === undefined) return;
      const next = firstIndex(end.length, (i) => (end[i] as number) > paddr);
      if (next < start.length && (start[next] as number) < paddr + length) timers.push([paddr, length]);
    },
  });
  return withoutPieces(list, timers);
}

/** A list without some pieces of memory, each an address and a length. */
export function withoutPieces(list: SpanList, pieces: readonly (readonly [start: number, length: number])[]): SpanList {
  const { start, end } = list.merged(0);
  const holes = new SpanList();
  for (const [piece, length] of pieces) holes.add(piece, length);
  const { start: from, end: to } = holes.merged(0);
  const left = new SpanList();
  let hole = 0;
  start.forEach((first, i) => {
    let at = first;
    const last = end[i] as number;
    while (hole < from.length && (to[hole] as number) <= at) hole++;
    for (let h = hole; h < from.length && (from[h] as number) < last; h++) {
      if ((from[h] as number) > at) left.add(at, (from[h] as number) - at);
      at = to[h] as number;
      // The next span may begin in this one.
      hole = h;
    }
    if (last > at) left.add(at, last - at);
  });
  return left;
}
