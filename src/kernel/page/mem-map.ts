import { firstIndex } from "../../sorted.js";
/**
 * Where struct pages are: ranges of pfns whose struct pages lie behind each other in kernel virtual memory. Parallel
 * arrays in shared memory, ascending, disjoint; a pfn in none of them has no struct page.
 */
export interface MemMap {
  readonly count: number;
  readonly startPfn: Float64Array;
  readonly endPfn: Float64Array;
  /** Virtual address of the struct page of `startPfn`. */
  readonly address: BigUint64Array;
  /** For people: "sparsemem, extreme". */
  readonly model: string;
  /** Kernel virtual memory that was read to find them: the sections of sparsemem and their root. */
  readonly tables?: readonly { readonly address: bigint; readonly length: number }[];
  /** Memory that was taken offline, or was never taken online: its struct pages say nothing about its content. */
  readonly offline?: readonly { readonly startPfn: number; readonly endPfn: number }[];
}

export interface MemMapRange {
  readonly startPfn: number;
  readonly endPfn: number;
  readonly address: bigint;
}

/** Joins neighbours whose pfns and addresses both continue: with vmemmap all sections do, and few ranges remain. */
export function memMapOf(model: string, ranges: readonly MemMapRange[], structSize: number): MemMap {
  const joined: { startPfn: number; endPfn: number; address: bigint }[] = [];
  for (const range of [...ranges].sort((a, b) => a.startPfn - b.startPfn)) {
    const last = joined.at(-1);
    const next = last && last.address + BigInt((last.endPfn - last.startPfn) * structSize);
    if (last !== undefined && last.endPfn === range.startPfn && next === range.address) last.endPfn = range.endPfn;
    else joined.push({ ...range });
  }
  const startPfn = new Float64Array(new SharedArrayBuffer(8 * joined.length));
  const endPfn = new Float64Array(new SharedArrayBuffer(8 * joined.length));
  const address = new BigUint64Array(new SharedArrayBuffer(8 * joined.length));
  joined.forEach((range, i) => {
    startPfn[i] = range.startPfn;
    endPfn[i] = range.endPfn;
    address[i] = range.address;
  });
  return { count: joined.length, startPfn, endPfn, address, model };
}

/** Virtual address of a pfn's struct page (`structSize` bytes each), for a pfn in the range number `range`. */
export function structPageIn(memMap: MemMap, structSize: number, range: number, pfn: number): bigint {
  return (memMap.address[range] as bigint) + BigInt(pfn - (memMap.startPfn[range] as number)) * BigInt(structSize);
}

/**
 * Address of a page's struct page, and how many struct pages follow it without a gap (itself included); `undefined` if
 * it has none.
 */
export function structPageRun(
  memMap: MemMap,
  structSize: number,
  pfn: number,
): { readonly address: bigint; readonly pages: number } | undefined {
  const range = rangeOf(memMap, pfn);
  if (range === undefined) return undefined;
  return {
    address: structPageIn(memMap, structSize, range, pfn),
    pages: (memMap.endPfn[range] as number) - pfn,
  };
}

/**
 * Virtual address of a page's struct page (`structSize` bytes each); `undefined` if it has none. Takes some tens of ns.
 */
export function structPageAddress(memMap: MemMap, structSize: number, pfn: number): bigint | undefined {
  return structPageRun(memMap, structSize, pfn)?.address;
}

/**
 * The number of struct pages that are missing if the one at `address` is: all up to the next page of memory, at least
 * one. Arrays of struct pages have holes where memory has holes.
 */
export function structPagesInHole(address: bigint, pageSize: number, structSize: number): number {
  return Math.max(1, Math.ceil((pageSize - Number(address % BigInt(pageSize))) / structSize));
}

/** Index of the range that contains a pfn. */
function rangeOf({ count, startPfn, endPfn }: MemMap, pfn: number): number | undefined {
  const range = firstIndex(count, (i) => (endPfn[i] as number) > pfn);
  return range < count && (startPfn[range] as number) <= pfn ? range : undefined;
}
