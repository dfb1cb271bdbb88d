import { wordAt } from "../reader/fields.js";
import type { KernelMemory } from "./kernel-memory.js";

/** One memory node, from its pglist_data. */
export interface MemoryNode {
  readonly startPfn: number;
  /** One more than the last pfn. There may be holes in between. */
  readonly endPfn: number;
  /** The struct page of `startPfn`; flat and discontiguous memory only. */
  readonly memMap: bigint | undefined;
}

/** No machine has more nodes. Without this limit a damaged length would cost a read for each. */
const MAX_NODES = 4096;
/** 2^52 bytes in pages of 4 KiB. */
const MAX_PFN = 2n ** 40n;

/**
 * The kernel's memory nodes: the array node_data (pgdat_list before 2.6.16 and on ia64) of pointers, the chain
 * pgdat_list, or the one of a kernel without NUMA, contig_page_data. Nodes without memory are left out.
 */
export function memoryNodes(kernel: KernelMemory): MemoryNode[] {
  const nodes = nodeAddresses(kernel).map((address) => readNode(kernel, address));
  return nodes.filter((node) => node !== undefined);
}

/** Virtual addresses of the nodes' pglist_data. */
export function nodeAddresses(kernel: KernelMemory): bigint[] {
  const { info } = kernel;
  const contiguous = info.symbol("contig_page_data");
  const found = (["node_data", "pgdat_list"] as const).find((name) => info.symbol(name) !== undefined);
  if (found === undefined) return contiguous === undefined ? [] : [contiguous];
  const list = info.symbol(found) as bigint;
  const length = info.length(found);
  if (length !== undefined) {
    return readWords(kernel, list, Math.min(length, MAX_NODES)).filter((node) => isNode(kernel, node));
  }
  return chain(kernel, list);
}

/** An array of unsigned longs, page by page: kernels have up to 1,024 slots, and a read for each costs 15 ms. */
function readWords(kernel: KernelMemory, address: bigint, count: number): bigint[] {
  const { wordSize, littleEndian, pageSize } = kernel;
  const words: bigint[] = [];
  for (let at = 0; at < count; ) {
    const start = address + BigInt(at * wordSize);
    const left = Math.floor((pageSize - Number(start % BigInt(pageSize))) / wordSize);
    const read = Math.max(1, Math.min(left, count - at));
    const view = kernel.readView(start, read * wordSize);
    for (let i = 0; view !== undefined && i < read; i++) {
      const offset = i * wordSize;
      words.push(wordAt(view, offset, wordSize, littleEndian));
    }
    at += read;
  }
  return words;
}

/** The nodes of kernels before 2.6.17, where pgdat_list is a variable that points to the first of a chain. */
function chain(kernel: KernelMemory, head: bigint): bigint[] {
  const next = kernel.info.offset("pglist_data.pgdat_next");
  const nodes: bigint[] = [];
  let node = kernel.readWord(head);
  while (isNode(kernel, node) && nodes.length < MAX_NODES && !nodes.includes(node)) {
    nodes.push(node);
    if (next === undefined) break;
    node = kernel.readWord(node + BigInt(next));
  }
  return nodes;
}

function isNode(kernel: KernelMemory, address: bigint | undefined): address is bigint {
  return address !== undefined && address !== 0n && kernel.isKernelAddress(address);
}

function readNode(kernel: KernelMemory, address: bigint): MemoryNode | undefined {
  const { info } = kernel;
  const start = info.offset("pglist_data.node_start_pfn");
  const spanned = info.offset("pglist_data.node_spanned_pages");
  if (start === undefined || spanned === undefined) return undefined;
  const startPfn = kernel.readWord(address + BigInt(start));
  const pages = kernel.readWord(address + BigInt(spanned));
  if (startPfn === undefined || pages === undefined || pages === 0n || startPfn + pages > MAX_PFN) return undefined;
  const map = info.offset("pglist_data.node_mem_map");
  const memMap = map === undefined ? undefined : kernel.readWord(address + BigInt(map));
  return {
    startPfn: Number(startPfn),
    endPfn: Number(startPfn + pages),
    memMap: isNode(kernel, memMap) ? memMap : undefined,
  };
}
