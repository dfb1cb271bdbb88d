import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
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
      if (start.some((from, i) => paddr < (end[i] as number) && paddr + length > from)) timers.push([paddr, length]);
    },
  });
  return withoutPieces(list, timers);
}

/** A list without some pieces of memory, each an address and a length. */
export function withoutPieces(list: SpanList, pieces: readonly (readonly [start: number, length: number])[]): SpanList {
  const { start, end } = list.merged(0);
  const sorted = [...pieces].sort((a, b) => a[0] - b[0]);
  const left = new SpanList();
  start.forEach((from, i) => {
    let at = from;
    const last = end[i] as number;
    for (const [piece, length] of sorted) {
      if (piece + length <= at || piece >= last) continue;
      if (piece > at) left.add(at, piece - at);
      at = piece + length;
    }
    if (last > at) left.add(at, last - at);
  });
  return left;
}
