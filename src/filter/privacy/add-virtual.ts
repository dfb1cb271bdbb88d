import type { AddressSpace } from "../../kernel/address-space.js";
import type { SpanList } from "../erase/spans.js";

/**
 * Adds `length` bytes of virtual memory from `address` on to a list, in pieces of physical memory. Returns how many
 * bytes from `address` on are mapped.
 */
export function addVirtual(space: AddressSpace, address: bigint, length: number, list: SpanList): number {
  let done = 0;
  while (done < length) {
    const place = space.translate(address + BigInt(done));
    if (place === undefined) break;
    const n = Math.min(place.length, length - done);
    list.add(place.paddr, n);
    done += n;
  }
  return done;
}
