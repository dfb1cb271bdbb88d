import { DumpError } from "../errors.js";
import type { KernelTypes } from "../kernel/debuginfo/kernel-types.js";
import { findTypes } from "../kernel/debuginfo/memory-debuginfo.js";
import type { KernelMemory } from "../kernel/kernel-memory.js";
import { type KernelView, viewMemory } from "../kernel/kernel-view.js";
import { memoryNodes, nodeAddresses } from "../kernel/nodes.js";
import { readMember, readText } from "../kernel/objects/kernel-objects.js";
import { zoneAddresses, zoneShape } from "../kernel/zones.js";
import type { Dump } from "../reader/dump.js";

/** A memory node or zone: pages [startPfn, endPfn). */
export interface MemoryPlace {
  readonly type: "node" | "zone";
  readonly name: string;
  readonly startPfn: number;
  readonly endPfn: number;
}

/** The most that are drawn: machines have at most 5 zones per node. */
const MAX_PLACES = 512;
/** 2^52 bytes in pages of 4 KiB. */
const MAX_PFN = 2n ** 40n;

/**
 * The kernel's memory nodes and zones. VMCOREINFO has the nodes' ranges. The ranges and names of zones are only in the
 * kernel's types, so zones are left out for a kernel without BTF. Takes up to 0.2 s.
 */
export function memoryPlaces(dump: Dump, view: KernelView): readonly MemoryPlace[] {
  const memory = viewMemory(dump, view);
  if (memory === undefined) return [];
  try {
    const nodes = memoryNodes(memory).map(({ startPfn, endPfn }, i): MemoryPlace => {
      return { type: "node", name: `node ${i}`, startPfn, endPfn };
    });
    const types = findTypes(memory, undefined);
    const places = types === undefined ? nodes : [...namedNodes(memory, types, nodes), ...zones(memory, types)];
    return places.slice(0, MAX_PLACES);
  } catch (error) {
    if (error instanceof DumpError) return [];
    throw error;
  }
}

/** The nodes with the kernel's numbers: nodes without memory have one, too. */
function namedNodes(memory: KernelMemory, types: KernelTypes, nodes: readonly MemoryPlace[]): readonly MemoryPlace[] {
  const objects = { memory, types };
  const named = nodeAddresses(memory).flatMap((address): readonly MemoryPlace[] => {
    const id = readMember(objects, "pglist_data", address, "node_id");
    const start = readMember(objects, "pglist_data", address, "node_start_pfn");
    const pages = readMember(objects, "pglist_data", address, "node_spanned_pages");
    return id === undefined ? [] : placeOf("node", `node ${id}`, start, pages);
  });
  return named.length === nodes.length ? named : nodes;
}

function zones(memory: KernelMemory, types: KernelTypes): readonly MemoryPlace[] {
  const shape = zoneShape(memory);
  if (shape === undefined) return [];
  const objects = { memory, types };
  return zoneAddresses(memory, shape).flatMap((address) => {
    const start = readMember(objects, "zone", address, "zone_start_pfn");
    const pages = readMember(objects, "zone", address, "spanned_pages");
    const pointer = readMember(objects, "zone", address, "name");
    const name = pointer === undefined ? undefined : readText(memory, pointer, 32);
    return name !== undefined && /^\w{1,16}$/.test(name) ? placeOf("zone", name, start, pages) : [];
  });
}

function placeOf(
  type: MemoryPlace["type"],
  name: string,
  start: bigint | undefined,
  pages: bigint | undefined,
): readonly MemoryPlace[] {
  if (start === undefined || pages === undefined || pages === 0n || start + pages > MAX_PFN) return [];
  return [{ type, name, startPfn: Number(start), endPfn: Number(start + pages) }];
}
