/** Nodes, zones and free lists: the way to free pages on kernels that do not mark them. */

import type { MemMap, PfnRange } from "./memory-model.js";
import { IMAGE, type KernelSpace, VARIABLE } from "./space.js";
import { type KernelFeatures, MAX_ORDER_COUNT, MIGRATE_TYPES } from "./versions.js";

/** Offsets and sizes of the structures; the same for every release, as VMCOREINFO states them. */
export const NODE = {
  size: 5184,
  zones: 0,
  nrZones: 4288,
  startPfn: 4296,
  presentPages: 4304,
  spannedPages: 4312,
  nodeId: 4320,
  memMap: 4328,
} as const;

export const ZONE = { size: 1408, spannedPages: 120, freeArea: 192, vmStat: 1280 } as const;
export const FREE_AREA = { size: MIGRATE_TYPES * 16 + 8, freeList: 0 } as const;

/** Ends of ZONE_DMA, ZONE_DMA32 and ZONE_NORMAL in page frames of 4 KiB. */
const ZONE_ENDS = [0x1000, 0x10_0000, Number.MAX_SAFE_INTEGER] as const;

/** A block in the buddy allocator. */
export interface FreeBlock {
  readonly pfn: number;
  readonly order: number;
}

export interface ListLinks {
  readonly next: bigint;
  readonly prev: bigint;
}

/** Writes nodes, zones and list heads; returns the links each free block's struct page has to hold. */
export function writeNodes(
  space: KernelSpace,
  features: KernelFeatures,
  map: MemMap,
  nodes: readonly PfnRange[],
  blocks: readonly FreeBlock[],
  unaccepted: readonly FreeBlock[],
): Map<number, ListLinks> {
  if (nodes.length > IMAGE.maxNodes) {
    throw new Error(`at most ${IMAGE.maxNodes} nodes`);
  }
  const links = new Map<number, ListLinks>();
  nodes.forEach((node, id) => {
    const at = nodeOffset(id);
    space.writeImage(IMAGE.nodeDataArray + id * 8, 8, space.imageAddress(at));
    space.writeImage(at + NODE.nrZones, 4, ZONE_ENDS.length);
    space.writeImage(at + NODE.startPfn, 8, node.start);
    space.writeImage(at + NODE.presentPages, 8, node.end - node.start);
    space.writeImage(at + NODE.spannedPages, 8, node.end - node.start);
    space.writeImage(at + NODE.nodeId, 4, id);
    space.writeImage(at + NODE.memMap, 8, map.structAddress(node.start));
    ZONE_ENDS.forEach((end, zone) => {
      const range = { start: Math.max(node.start, ZONE_ENDS[zone - 1] ?? 0), end: Math.min(node.end, end) };
      const within = (block: FreeBlock) => block.pfn >= range.start && block.pfn < range.end;
      const own = blocks.filter(within);
      const zoneAt = at + NODE.zones + zone * ZONE.size;
      writeZone(space, features, map, zoneAt, range, own, links);
      // NR_FREE_PAGES: what is not accepted yet counts as free, but lies on another list.
      const free = [...own, ...unaccepted.filter(within)].reduce((sum, block) => sum + 2 ** block.order, 0);
      space.writeImage(zoneAt + ZONE.vmStat, 8, free);
    });
  });
  space.writeImage(IMAGE.variables + VARIABLE.nodeOnlineMap, 8, 2 ** nodes.length - 1);
  return links;
}

/** Offset of a node's structure in the kernel's image. */
export function nodeOffset(id: number): number {
  return IMAGE.nodes + id * IMAGE.nodeSize;
}

function writeZone(
  space: KernelSpace,
  features: KernelFeatures,
  map: MemMap,
  at: number,
  range: PfnRange,
  blocks: readonly FreeBlock[],
  links: Map<number, ListLinks>,
): void {
  space.writeImage(at + ZONE.spannedPages, 8, Math.max(0, range.end - range.start));
  for (let order = 0; order < MAX_ORDER_COUNT; order++) {
    const area = at + ZONE.freeArea + order * FREE_AREA.size;
    const own = blocks.filter((block) => block.order === order);
    space.writeImage(area + MIGRATE_TYPES * 16, 8, own.length);
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      const head = area + FREE_AREA.freeList + type * 16;
      const list = own.filter((block) => (block.pfn >>> order) % MIGRATE_TYPES === type);
      const ring = [
        space.imageAddress(head),
        ...list.map((block) => map.structAddress(block.pfn) + BigInt(features.layout.lru)),
      ];
      const around = (index: number): bigint => ring[(index + ring.length) % ring.length] ?? 0n;
      space.writeImage(head, 8, around(1));
      space.writeImage(head + 8, 8, around(-1));
      list.forEach((block, index) => {
        links.set(block.pfn, { next: around(index + 2), prev: around(index) });
      });
    }
  }
}
