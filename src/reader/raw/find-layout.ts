import { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import { OPTION } from "../../option-words.js";
import type { Warnings } from "../../warnings.js";
import { toExtents } from "../extents.js";
import { extentsMemory } from "../extents-memory.js";
import { fields } from "../fields.js";
import { type FoundInMemory, findInMemory, warnOfEnd } from "../find-in-memory.js";
import type { PhysicalMemory } from "../physical-memory.js";
import type { ByteSource } from "../source/byte-source.js";
import { scanForVmcoreinfo, type VmcoreinfoText } from "../vmcoreinfo-scan.js";
import type { RawPiece } from "./pieces.js";

/*
 * Finds out from its content where bare memory is: from the kernel's copy of the firmware's memory map (x86: e820 in
 * boot_params, Documentation/arch/x86/zero-page.rst), or from the base of memory that the kernel exports in its
 * VMCOREINFO. Whether the result is right shows later, when VMCOREINFO must lead to the kernel through its page tables.
 */

/** Where bare memory is, and how that was found. */
export interface FoundLayout {
  readonly pieces: readonly RawPiece[];
  /** For messages: "by its e820 map". */
  readonly by: string;
}

const FOUR_GIB = 2 ** 32;
/** Offsets in boot_params: the number of e820 entries, the boot flag 0xaa55, "HdrS", the entries. */
const COUNT_AT = 0x1e8;
const FLAG_AT = 0x1fe;
const MAGIC_AT = 0x202;
const ENTRIES_AT = 0x2d0;
const ENTRY = 20;
const MAX_ENTRIES = 128;
const PARAMS = 0x1000;
const MAGIC = Buffer.from("HdrS", "latin1");
/**
 * The most memory that firmware keeps for itself at the end of low memory (ACPI tables, graphics): it is in the file
 * but not in the map.
 */
const MOST_RESERVED = 512 * 2 ** 20;
/** The most copies of boot_params that are read: the kernel's own, the boot loader's, those in images of kernels. */
const MAX_COPIES = 64;

/** Finds out where the memory in a file is that stores `held` bytes. Throws `BAD_OPTION` if nothing in it shows that. */
export function* findLayout(source: ByteSource, held: number, warnings: Warnings): LongWork<FoundLayout> {
  const { size } = source;
  // As if its offsets were addresses.
  const memory = { ...extentsMemory(source, toExtents([{ start: 0, end: size, source: 0 }])), held };
  const found = yield* byE820(memory, size);
  if (found !== undefined) return found;
  const search = yield* scanForVmcoreinfo(memory);
  const layout = byVmcoreinfo(search, size);
  if (layout !== undefined) return layout;
  warnOfEnd(search, { memory, paths: [source.name] }, warnings);
  throw new DumpError(
    "BAD_OPTION",
    `has neither an e820 map that fits its size nor a VMCOREINFO${search.endedAt === undefined ? "" : " where it was searched"}, so its physical addresses are not known`,
    {
      file: source.name,
      cure: `Give them: ${OPTION.rawZero}, or consecutive ranges where memory has holes, as in ${OPTION.rawRanges}`,
    },
  );
}

/** The layout as an option: "0-3G,4G-". */
export function layoutText(pieces: readonly RawPiece[]): string {
  return pieces.map(({ start, end }) => `${hex(start)}${end === undefined ? "-" : `-${hex(end)}`}`).join(",");
}

function hex(address: number): string {
  return address === 0 ? "0" : `0x${address.toString(16)}`;
}

interface E820 {
  /** Where memory below 4 GiB ends, and where all memory ends. */
  readonly lowEnd: number;
  readonly end: number;
}

/** Reads up to the first map that fits the size of the file. */
function* byE820(memory: PhysicalMemory, size: number): LongWork<FoundLayout | undefined> {
  const fits = (map: E820 | undefined) => map && piecesOf(map, size);
  const { found } = yield* findInMemory<E820>(
    memory,
    MAGIC,
    (maps) => maps.length === MAX_COPIES || fits(maps.at(-1)) !== undefined,
    (at, readable) => {
      const params = Buffer.alloc(PARAMS);
      return readable.read(params, at - MAGIC_AT) === PARAMS ? e820In(params) : undefined;
    },
  );
  const pieces = fits(found.at(-1));
  return pieces && { pieces, by: "by its e820 map" };
}

/** The map, if these bytes are boot_params with a map that begins at address 0, ascends and has known types. */
function e820In(params: Uint8Array): E820 | undefined {
  const words = fields(params, true, "");
  const count = params[COUNT_AT] as number;
  if (words.u16(FLAG_AT) !== 0xaa55 || count === 0 || count > MAX_ENTRIES) return undefined;
  let before = 0;
  let lowEnd = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const at = ENTRIES_AT + i * ENTRY;
    const [start, size] = [words.u64(at), words.u64(at + 8)];
    const type = words.u32(at + 16);
    const isRam = type === 1;
    if (start + size > BigInt(Number.MAX_SAFE_INTEGER) || type === 0 || type > 20) return undefined;
    const [from, to] = [Number(start), Number(start + size)];
    if (from < before || (i === 0 && from !== 0)) return undefined;
    before = to;
    if (!isRam) continue;
    end = to;
    if (from < FOUR_GIB) lowEnd = to;
  }
  return end === 0 ? undefined : { lowEnd, end };
}

/**
 * How a file of that size stores this memory: without the hole below 4 GiB; or from 0 on with all holes, as QEMU's
 * pmemsave writes it.
 */
function piecesOf({ lowEnd, end }: E820, size: number): RawPiece[] | undefined {
  if (size >= end && size - end <= MOST_RESERVED) return [{ start: 0, end: undefined }];
  const low = size - (end - FOUR_GIB);
  if (end <= FOUR_GIB || low < lowEnd || low > Math.min(FOUR_GIB, lowEnd + MOST_RESERVED)) return undefined;
  return [
    { start: 0, end: low },
    { start: FOUR_GIB, end: undefined },
  ];
}

/** arm64 exports where memory begins as PHYS_OFFSET, riscv64 as phys_ram_base. On other machines it begins at 0. */
function byVmcoreinfo(search: FoundInMemory<VmcoreinfoText>, size: number): FoundLayout | undefined {
  const { found, damage } = search;
  const [text] = found;
  if (text === undefined && damage !== undefined) throw damage;
  if (text === undefined) return undefined;
  const exported = /^NUMBER\((?:PHYS_OFFSET|phys_ram_base)\)=(?:0x)?([0-9a-f]+)$/m.exec(text.text)?.[1];
  const start = exported === undefined ? 0 : Number.parseInt(exported, 16);
  if (!Number.isSafeInteger(start)) return undefined;
  const isLong = exported === undefined && size > 2 ** 31;
  // A PC with more than 2 GiB has a hole somewhere, so that address 0 alone would be a guess.
  return isLong ? undefined : { pieces: [{ start, end: undefined }], by: "by its VMCOREINFO" };
}
