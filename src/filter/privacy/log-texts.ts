import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { type LogPlace, logPlaces } from "../../kernel/log/log-places.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/**
 * The texts of the kernel's log, and names of devices with them: the whole ring of texts, because overwritten records
 * are still in it. Records are kept, with times and levels; for kernels before 5.10, whose records are among the texts,
 * nothing is kept. `undefined` if the log is not found.
 */
export function logTexts(space: AddressSpace, memory: KernelMemory): ScrubList | undefined {
  const places = logPlaces(memory);
  if (places === undefined) return undefined;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  for (const place of places.texts) addPlace(space, place, memory.pageSize, found.list);
  found.objects = 1;
  return found;
}

/** Records are millions, and pages fewer: each page is translated once. What is not there is passed over. */
function addPlace(space: AddressSpace, { address, bytes, repeat }: LogPlace, pageSize: number, list: SpanList): void {
  if (repeat === undefined) {
    addVirtual(space, address, bytes, list);
    return;
  }
  const { every, count } = repeat;
  const end = every * (count - 1) + bytes;
  for (let at = 0; at < end; ) {
    const vaddr = address + BigInt(at);
    const place = space.translate(vaddr);
    const to = Math.min(at + (place?.length ?? pageSize - Number(vaddr % BigInt(pageSize))), end);
    for (let from = at - (at % every); place !== undefined && from < to; from += every) {
      const [first, last] = [Math.max(from, at), Math.min(from + bytes, to)];
      if (first < last) list.add(place.paddr + first - at, last - first);
    }
    at = to;
  }
}
