import type { AddressSpace } from "../../kernel/address-space.js";
import { archSupport } from "../../kernel/arch/archs.js";
import { type KernelObjects, readInteger, readMember, readText } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";

/** RESERVE_MEM_MAX_ENTRIES (mm/memblock.c). */
const NAMED_REGIONS = 8;
/** MAX_RESERVED_REGIONS was 64 until 6.12. */
const TREE_REGIONS = 1 << 10;
const MAX_NAME = 64;

/** Memory that was reserved at boot and is in the kernel's direct map, but has what others put there. */
export interface ReservedRanges {
  readonly ranges: readonly PfnRange[];
  /** What could not be searched for, in words, for `remains`. */
  readonly gaps: readonly string[];
}

/**
 * Finds an initramfs that was not freed (retain_initrd), memory that a device tree reserves for devices (ramoops, screens,
 * other processors), buffers through which devices that cannot reach all memory get theirs (swiotlb), and regions that the command line reserves by name
 * (reserve_mem=, 6.12 and later: for ramoops, with what programs write to /dev/pmsg0, and for traces).
 */
export function reservedRanges(dump: Dump, space: AddressSpace, kernel: KernelObjects | undefined): ReservedRanges {
  const why =
    kernel === undefined ? "no types or no symbols" : withoutVariables(kernel) ? "no symbols of variables" : "";
  if (kernel === undefined || why !== "") {
    const what =
      "memory reserved at boot for others: bounce buffers of devices (swiotlb), by a device tree, regions of reserve_mem=, and an initramfs that was not freed";
    return { ranges: [], gaps: [`${what} (retain_initrd): the dump has ${why}`] };
  }
  const { symbols, types } = kernel;
  const { pageSize, maxMapnr } = dump;
  const ranges: PfnRange[] = [];
  const add = (startPfn: number, endPfn: number) => {
    if (endPfn > startPfn && endPfn <= maxMapnr) ranges.push({ startPfn, endPfn });
  };
  const initramfs = retainedInitramfs(kernel);
  if (initramfs !== undefined && initramfs.size > 0n) {
    const place = space.translate(initramfs.start);
    // It is reserved, and would be freed, by whole pages.
    if (place !== undefined) {
      const end = BigInt(place.paddr) + initramfs.size;
      add(Math.floor(place.paddr / pageSize), Math.ceil(Number(end) / pageSize));
    }
  }
  const table = symbols.address("reserved_mem_table");
  const entry = types.sizeOf("reserve_mem_table");
  for (let i = 0; table !== undefined && entry && i < NAMED_REGIONS; i++) {
    const region = table + BigInt(i * entry);
    const start = readMember(kernel, "reserve_mem_table", region, "start");
    const size = readMember(kernel, "reserve_mem_table", region, "size");
    // What shares a page with others stays.
    if (start && size) add(Math.ceil(Number(start) / pageSize), Math.floor(Number(start + size) / pageSize));
  }
  const ofTree = treeRegions(kernel);
  for (const { base, size } of ofTree ?? []) {
    add(Math.ceil(Number(base) / pageSize), Math.floor(Number(base + size) / pageSize));
  }
  const bounced = bounceBuffers(kernel, space);
  for (const { base, size } of bounced ?? []) {
    add(Math.floor(Number(base) / pageSize), Math.ceil(Number(base + size) / pageSize));
  }
  const gaps = [
    ...(bounced === undefined
      ? ["data of devices in bounce buffers (swiotlb): the dump does not say where they are"]
      : []),
    ...(handedOver(kernel) ? ["memory that an earlier kernel handed over (KHO), and nobody has taken yet"] : []),
    ...(ofTree === undefined ? ["memory that a device tree reserves: nothing says where it is"] : []),
    ...(initramfs === undefined ? ["an initramfs that was not freed (retain_initrd): its place is unknown"] : []),
    ...(table !== undefined && !entry ? ["regions of reserve_mem=: the dump lacks their type"] : []),
  ];
  return { ranges, gaps };
}

/**
 * Reserved pages of a PC's first megabyte, which firmware and boot loader used: among others the last keys that were pressed
 * before the kernel began (passwords of disks), and the command line. Kernels since 5.13 keep all of it reserved, and have
 * there what starts further CPUs. `isReserved` asks struct pages.
 */
export function lowMemory({ machine, maxMapnr, pageSize }: Dump, isReserved: (pfn: number) => boolean): PfnRange[] {
  const ranges: { startPfn: number; endPfn: number }[] = [];
  const pages = (archSupport(machine.arch)?.firmwareMemory ?? 0) / pageSize;
  for (let pfn = 0; pfn < Math.min(pages, maxMapnr); pfn++) {
    const last = ranges.at(-1);
    if (!isReserved(pfn)) continue;
    if (last?.endPfn === pfn) last.endPfn++;
    else ranges.push({ startPfn: pfn, endPfn: pfn + 1 });
  }
  return ranges;
}

/** Whether machines of this kind have memory that `lowMemory` finds. */
export const hasFirmwareMemory = ({ machine }: Pick<Dump, "machine">) =>
  archSupport(machine.arch)?.firmwareMemory !== undefined;

/** Without CONFIG_KALLSYMS_ALL a kernel has symbols of functions only. */
const withoutVariables = ({ symbols }: KernelObjects) => symbols.address("init_task") === undefined;

/**
 * The initramfs that retain_initrd kept, of size 0 if it was freed; `undefined` if that is not known. The kernel forgets
 * initrd_start in any case (init/initramfs.c). Since 6.8 /sys/firmware/initrd shows what was kept, and has its address.
 */
function retainedInitramfs(kernel: KernelObjects): { readonly start: bigint; readonly size: bigint } | undefined {
  const { memory, symbols } = kernel;
  const file = symbols.address("bin_attr_initrd");
  // A kernel without both was built without initramfs.
  if (file === undefined) return symbols.address("initrd_start") === undefined ? FREED : undefined;
  const start = readMember(kernel, "bin_attribute", file, "private");
  const size = readMember(kernel, "bin_attribute", file, "size");
  if (start === undefined || size === undefined) return undefined;
  return start !== 0n && memory.isKernelAddress(start) ? { start, size } : FREED;
}

const FREED = { start: 0n, size: 0n };

/**
 * Where data are copied that devices read or write, if these cannot reach all memory, or must not (swiotlb: 64 MiB, on
 * x86 with 4 GiB and more; virtual machines with encrypted memory): all packets and blocks of disks on the way. Further
 * pools are no reserved memory. `undefined` if a kernel that has some does not say where.
 */
function bounceBuffers(kernel: KernelObjects, space: AddressSpace): readonly Region[] | undefined {
  const { symbols } = kernel;
  const variable = symbols.address("io_tlb_default_mem");
  const own = variable === undefined ? bounceVariables(kernel, "io_tlb") : bouncePool(kernel, variable);
  // Xen had its own until 5.12, as pointers.
  const ofXen = bounceVariables(kernel, "xen_io_tlb", space);
  if (own === undefined || ofXen === undefined) return undefined;
  const has = ["swiotlb_tbl_map_single", "swiotlb_map"].some((name) => symbols.address(name) !== undefined);
  if (own === "none" && ofXen === "none" && has) return undefined;
  return [own, ofXen].flatMap((regions) => (regions === "none" ? [] : regions));
}

/**
 * The pool that a variable is, or points to (5.13). What it begins with does not tell which: on s390x the kernel's addresses
 * begin at 0, so that each physical address is one of these. The pool does, which says how many slots it has.
 */
function bouncePool(kernel: KernelObjects, variable: bigint): readonly Region[] | undefined {
  const { memory, types } = kernel;
  const path = ["defpool.", ""].find((one) => types.member("io_tlb_mem", `${one}start`) !== undefined);
  const first = memory.readWord(variable);
  if (path === undefined || first === undefined) return undefined;
  const pools = path === "" && memory.isKernelAddress(first) ? [variable, first] : [variable];
  for (const pool of pools) {
    const read = (name: string) => readMember(kernel, "io_tlb_mem", pool, path + name);
    const [base, end, slots] = [read("start"), read("end"), read("nslabs")];
    if (base && end && slots && end - base === slots << SLOT_SHIFT) return [{ base, size: end - base }];
  }
  return first === 0n && !readMember(kernel, "io_tlb_mem", variable, `${path}start`) ? [] : undefined;
}

/** IO_TLB_SHIFT */
const SLOT_SHIFT = 11n;

/** What is between two variables: physical addresses, or pointers if there is a space to translate them. */
function bounceVariables(
  { memory, symbols, types }: KernelObjects,
  prefix: string,
  pointers?: AddressSpace,
): readonly Region[] | "none" | undefined {
  const [start, end] = ["start", "end"].map((name) => symbols.address(`${prefix}_${name}`));
  if (start === undefined || end === undefined) return "none";
  // phys_addr_t has 8 bytes on some machines of 32 bits; resource_size_t is one.
  const size = (pointers === undefined && types.member("resource", "start")?.size) || memory.wordSize;
  const [first, last] = [readInteger(memory, start, size), readInteger(memory, end, size)];
  if (first === 0n || last === 0n) return [];
  if (first === undefined || last === undefined || last <= first) return undefined;
  const place = pointers?.translate(first)?.paddr;
  if (pointers !== undefined && place === undefined) return undefined;
  return [{ base: place === undefined ? first : BigInt(place), size: last - first }];
}

/** Whether the kernel takes memory from one before it (kho=on, 6.16 and later). */
function handedOver({ memory, symbols }: KernelObjects): boolean {
  const at = symbols.address("kho_enable");
  return at !== undefined && memory.readView(at, 1)?.getUint8(0) === 1;
}

interface Region {
  readonly base: bigint;
  readonly size: bigint;
}

/** What a device tree reserves; `undefined` if a kernel that has some does not say where. */
function treeRegions(kernel: KernelObjects): readonly Region[] | undefined {
  const { memory, symbols, types } = kernel;
  const [table, counter] = [symbols.address("reserved_mem"), symbols.address("reserved_mem_count")];
  const entry = types.sizeOf("reserved_mem");
  if (table === undefined && counter === undefined && entry === undefined) return [];
  const count = counter === undefined ? undefined : memory.readView(counter, 4)?.getUint32(0, memory.littleEndian);
  // Kernels of PCs have the code, too.
  if (count === 0) return [];
  if (count === undefined || count > TREE_REGIONS || table === undefined || !entry) return undefined;
  const named = (one: bigint) => {
    const name = memory.isKernelAddress(one) ? readMember(kernel, "reserved_mem", one, "name") : undefined;
    return name !== undefined && memory.isKernelAddress(name) && !!readText(memory, name, MAX_NAME);
  };
  // An array until 6.12, then a pointer to one.
  const array = [memory.readWord(table) ?? 0n, table].find(named);
  if (array === undefined) return undefined;
  const regions: Region[] = [];
  for (let i = 0; i < count; i++) {
    const region = array + BigInt(i * entry);
    const base = readMember(kernel, "reserved_mem", region, "base");
    const size = readMember(kernel, "reserved_mem", region, "size");
    if (base && size) regions.push({ base, size });
  }
  return regions;
}
