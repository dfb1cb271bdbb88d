import type { AddressSpace } from "../kernel/address-space.js";
import type { KernelSymbols } from "../kernel/debuginfo/kernel-symbols.js";
import type { KernelMemory } from "../kernel/kernel-memory.js";
import { readInteger } from "../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../kernel/objects/per-cpu.js";
import type { PageOwner } from "./page-owner.js";

/** An address farther behind a symbol belongs to something else, without a symbol: few variables are larger. */
const MAX_DISTANCE = 1n << 18n;
/** The size of an image whose symbols have no end: no kernel's is larger. */
const MAX_IMAGE = 1n << 26n;
/** log_buf_len is 2 GiB at most. */
const MAX_LOG = 1n << 31n;

/** Physical memory [start, end). */
interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the owner of memory that was never given out (the image, the log, per-CPU variables) by its physical address.
 * Symbols name it if there are some; kernels without CONFIG_KALLSYMS_ALL list functions only.
 */
export function imageOwner(
  memory: KernelMemory,
  space: AddressSpace,
  symbols: KernelSymbols | undefined,
): (paddr: number) => PageOwner | undefined {
  const address = (name: string) => symbols?.address(name) ?? memory.info.symbol(name);
  const anchor = memory.info.symbol("init_uts_ns") ?? memory.info.symbol("_stext");
  const anchorAt = anchor === undefined ? undefined : space.translate(anchor)?.paddr;
  const start = address("_stext") ?? address("_text");
  const end = address("_end");
  const log = logRange(memory, space, address);
  const cpus = symbols === undefined ? [] : perCpuRanges(memory, space, symbols);
  const named = (vaddr: bigint): { symbol?: string } => {
    const found = symbols?.nearest(vaddr);
    if (found === undefined || found.offset > MAX_DISTANCE) return {};
    return { symbol: found.offset === 0n ? found.name : `${found.name}+0x${found.offset.toString(16)}` };
  };
  return (paddr) => {
    if (log !== undefined && paddr >= log.start && paddr < log.end) return { what: "kernel log" };
    const own = cpus.find((one) => paddr >= one.start && paddr < one.end);
    if (own !== undefined) {
      return { what: "per-CPU memory", cpu: own.cpu, ...named(own.variables + BigInt(paddr - own.start)) };
    }
    if (anchor === undefined || anchorAt === undefined) return undefined;
    const vaddr = anchor + BigInt(paddr - anchorAt);
    const inImage = (start === undefined || vaddr >= start) && (end === undefined || vaddr < end);
    // If the symbols have no end, the mapping decides.
    if (!inImage || space.translate(vaddr)?.paddr !== paddr) return undefined;
    if (end === undefined && vaddr - anchor > MAX_IMAGE) return undefined;
    return { what: "kernel image", ...named(vaddr) };
  };
}

function logRange(
  memory: KernelMemory,
  space: AddressSpace,
  address: (name: string) => bigint | undefined,
): Range | undefined {
  const [at, lengthAt] = [address("log_buf"), address("log_buf_len")];
  if (at === undefined || lengthAt === undefined) return undefined;
  const start = memory.readWord(at);
  const length = readInteger(memory, lengthAt, 4);
  if (!start || !length || length > MAX_LOG) return undefined;
  const place = space.translate(start);
  return place && { start: place.paddr, end: place.paddr + Number(length) };
}

interface CpuRange extends Range {
  readonly cpu: number;
  /** The address of the variables' symbols that this is a copy of. */
  readonly variables: bigint;
}

function perCpuRanges(memory: KernelMemory, space: AddressSpace, symbols: KernelSymbols): CpuRange[] {
  const start = symbols.address("__per_cpu_start");
  const end = symbols.address("__per_cpu_end");
  if (start === undefined || end === undefined || end <= start) return [];
  const ranges: CpuRange[] = [];
  for (const cpu of possibleCpus({ memory, symbols }) ?? []) {
    const own = perCpuAddress({ memory, symbols }, start, cpu);
    const place = own === undefined ? undefined : space.translate(own);
    if (place === undefined) continue;
    ranges.push({ start: place.paddr, end: place.paddr + Number(end - start), cpu, variables: start });
  }
  return ranges;
}
