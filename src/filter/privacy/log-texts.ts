import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { logPlaces } from "../../kernel/log/log-places.js";
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
  for (const { address, bytes } of places.texts) addVirtual(space, address, bytes, found.list);
  found.objects = 1;
  return found;
}
