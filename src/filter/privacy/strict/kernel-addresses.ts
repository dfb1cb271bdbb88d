import type { KernelView } from "../../../kernel/kernel-view.js";
import type { Machine } from "../../../reader/machine.js";
import type { KernelMappings } from "../kernel-pages.js";

/** Addresses are compared in pieces of this many bytes, so that 64 bits fit into a number. */
const PIECE = 4096n;

/** Per-CPU memory that was allocated after boot. */
export interface PerCpuPlaces {
  /** Addresses of its pages. */
  readonly addresses: readonly bigint[];
  /** What the first CPU's pointers to it contain in addition. */
  readonly offset: bigint | undefined;
  readonly pageSize: number;
}

/**
 * Values that count as kernel addresses: what the page tables map (if these are unknown, everything from the lowest
 * address on), pointers to per-CPU memory, which are distances, and the values that sparsemem's sections have for their
 * struct pages, which are an address less a number. Pieces of 4 KiB: starts and ends, ascending, in shared memory.
 */
export function kernelAddresses(
  { memMap, layout, lowestAddress }: KernelView,
  mapped: KernelMappings | undefined,
  { wordSize }: Machine,
  perCpu: PerCpuPlaces,
): Float64Array {
  const bits = 8 * wordSize;
  const top = 1n << BigInt(bits);
  const pieces: [number, number][] = [];
  const add = (start: bigint, end: bigint) => {
    // Without the last pages of the address space: small negative numbers have their own rule.
    const last = end > top ? top : end;
    if (last > start) pieces.push([Number(start / PIECE), Number((last + PIECE - 1n) / PIECE)]);
  };
  const addresses = mapped?.addresses ?? [];
  if (addresses.length === 0) add(lowestAddress, top);
  for (const { start, end } of addresses) add(BigInt.asUintN(bits, start), BigInt.asUintN(bits, start) + (end - start));
  const { offset } = perCpu;
  if (offset !== undefined) {
    for (const address of perCpu.addresses) {
      const start = BigInt.asUintN(bits, address - offset);
      add(start, start + BigInt(perCpu.pageSize));
    }
  }
  for (let i = 0; i < memMap.count; i++) {
    const coded = BigInt.asUintN(
      bits,
      (memMap.address[i] as bigint) - BigInt((memMap.startPfn[i] as number) * layout.size),
    );
    add(coded - (coded % PIECE), coded - (coded % PIECE) + PIECE);
  }
  pieces.sort((a, b) => a[0] - b[0]);
  const joined: number[] = [];
  for (const [start, end] of pieces) {
    const last = joined.length - 1;
    if (last > 0 && start <= (joined[last] as number)) joined[last] = Math.max(joined[last] as number, end);
    else joined.push(start, end);
  }
  const shared = new Float64Array(new SharedArrayBuffer(8 * joined.length));
  shared.set(joined);
  return shared;
}
