import type { Warnings } from "../warnings.js";
import type { KernelMemory } from "./kernel-memory.js";
import { type MemoryNode, memoryNodes } from "./nodes.js";
import { type MemMap, type MemMapRange, memMapOf } from "./page/mem-map.js";

/**
 * One array of struct pages, `mem_map`, from the architecture's first pfn on. It ends where the kernel's memory ends,
 * which may be before the end of the dump: memory behind that (firmware's tables and ROMs) has no struct page.
 */
export function flatMemMap(
  kernel: KernelMemory,
  structSize: number,
  startPfn: number,
  maxMapnr: number,
): MemMap | undefined {
  const { info } = kernel;
  const symbol = info.symbol("mem_map");
  const address = symbol === undefined ? undefined : kernel.readWord(symbol);
  if (address === undefined || address === 0n || !kernel.isKernelAddress(address)) return undefined;
  const ends = memoryNodes(kernel).map((node) => node.endPfn);
  const endPfn = Math.min(maxMapnr, ...(ends.length > 0 ? [Math.max(...ends)] : []));
  return endPfn > startPfn ? memMapOf("flatmem", [{ startPfn, endPfn, address }], structSize) : undefined;
}

/**
 * An array of struct pages per memory node (DISCONTIGMEM, until 5.13). Where nodes overlap and have different struct
 * pages for the same page, the right one cannot be known: the page counts as having no struct page, and is kept.
 */
export function discontigMemMap(
  kernel: KernelMemory,
  structSize: number,
  maxMapnr: number,
  warnings: Warnings,
): MemMap | undefined {
  const { info } = kernel;
  const isDiscontig =
    (info.symbol("node_data") !== undefined || info.symbol("pgdat_list") !== undefined) &&
    info.offset("pglist_data.node_mem_map") !== undefined;
  if (!isDiscontig) return undefined;
  const nodes = memoryNodes(kernel).filter((node) => node.memMap !== undefined && node.startPfn < maxMapnr);
  if (nodes.length === 0) return undefined;
  const { ranges, doubtful } = separate(nodes, maxMapnr, structSize);
  if (doubtful > 0) {
    warnings.add(
      "NODE_OVERLAP",
      "two memory nodes have different struct pages for the same pages: these are kept",
      doubtful,
    );
  }
  return ranges.length === 0 ? undefined : memMapOf("discontigmem", ranges, structSize);
}

/**
 * Cuts the nodes' ranges at each other's borders, so that they no longer overlap; `doubtful` counts pages that nodes
 * disagree about.
 */
function separate(
  nodes: readonly MemoryNode[],
  maxMapnr: number,
  structSize: number,
): { ranges: MemMapRange[]; doubtful: number } {
  const ends = nodes.map((node) => ({ ...node, endPfn: Math.min(node.endPfn, maxMapnr) }));
  const borders = [...new Set(ends.flatMap(({ startPfn, endPfn }) => [startPfn, endPfn]))].sort((a, b) => a - b);
  const ranges: MemMapRange[] = [];
  let doubtful = 0;
  for (let i = 0; i + 1 < borders.length; i++) {
    const startPfn = borders[i] as number;
    const endPfn = borders[i + 1] as number;
    const owners = ends.filter((node) => node.startPfn <= startPfn && node.endPfn >= endPfn);
    const addresses = owners.map((node) => (node.memMap ?? 0n) + BigInt((startPfn - node.startPfn) * structSize));
    const [address] = addresses;
    if (address === undefined) continue;
    if (addresses.every((one) => one === address)) ranges.push({ startPfn, endPfn, address });
    else doubtful += endPfn - startPfn;
  }
  return { ranges, doubtful };
}
