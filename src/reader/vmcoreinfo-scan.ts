import type { LongWork } from "../long-work.js";
import { type FoundInMemory, findInMemory } from "./find-in-memory.js";
import type { PhysicalMemory } from "./physical-memory.js";

/** A text in memory that looks like VMCOREINFO. */
export interface VmcoreinfoText {
  /** Physical address of the text's first byte. */
  readonly paddr: number;
  readonly text: string;
  /** Byte order of the ELF note's header before the text; `undefined` if it is not in a note. */
  readonly noteLittleEndian: boolean | undefined;
}

/** The beginning of every text since 2.6.24 (kernel/vmcore_info.c). */
const START = Buffer.from("OSRELEASE=", "latin1");
/** The items that it begins with, and more bytes than they have. */
const HEAD = /^OSRELEASE=\d+\.\d+\S*\n(?:BUILD-ID=\S*\n)?PAGESIZE=(\d+)\n/;
const MAX_HEAD = 512;
/** The kernel keeps the text in one page, which has at most 64 KiB. */
const MAX_TEXT = 1 << 16;
/** namesz 11, descsz, type 0, the name padded to 12 bytes. */
const NOTE_HEADER = 24;
const NOTE_NAME = Buffer.from("VMCOREINFO\0", "latin1");
/** The most texts: each costs a try to look into its kernel. */
const MAX_FOUND = 256;

/**
 * Searches physical memory for VMCOREINFO. The kernel keeps the text in a page of its own, and since 2.6.24 also in an
 * ELF note for the crash. Kernels before 4.13 have both in their image, so all of memory is searched, not only page
 * starts. Texts that are cut off or mixed with other bytes are left out. Reads as `findInMemory` does.
 */
export function scanForVmcoreinfo(memory: PhysicalMemory): LongWork<FoundInMemory<VmcoreinfoText>> {
  return findInMemory(
    memory,
    START,
    ({ length }) => length >= MAX_FOUND,
    (paddr, readable) => textAt(readable, paddr),
  );
}

/** The text at `paddr`, if it is complete and plausible. */
export function textAt(memory: PhysicalMemory, paddr: number): VmcoreinfoText | undefined {
  // Mostly these are other data that begin alike.
  const head = Buffer.alloc(MAX_HEAD);
  const begin = head.subarray(0, memory.read(head, paddr)).toString("latin1");
  if (!HEAD.test(begin)) return undefined;
  const bytes = Buffer.alloc(MAX_TEXT);
  const all = bytes.subarray(0, memory.read(bytes, paddr));
  const note = noteBefore(memory, paddr);
  const end = note === undefined ? all.findIndex((byte) => !isText(byte)) : note.size;
  const text = all.subarray(0, end === -1 ? all.length : end);
  // A copy that was partly overwritten is of no use.
  if (text.length < (note?.size ?? 0) || !text.every(isText)) return undefined;
  const latin1 = text.toString("latin1");
  return isPlausible(latin1) ? { paddr, text: latin1, noteLittleEndian: note?.littleEndian } : undefined;
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a;
}

/**
 * Whether a text has the items that all kernels write, in the order of kernel/vmcore_info.c, with a valid page size,
 * and whole lines only.
 */
function isPlausible(text: string): boolean {
  const pageSize = HEAD.exec(text)?.[1];
  const size = Number(pageSize);
  return (
    size >= 4096 &&
    size <= 65536 &&
    Math.log2(size) % 1 === 0 &&
    text.endsWith("\n") &&
    /^SYMBOL\((init_uts_ns|system_utsname)\)=[0-9a-f]+$/m.test(text) &&
    /^SIZE\(page\)=\d+$/m.test(text)
  );
}

function noteBefore(memory: PhysicalMemory, paddr: number): { size: number; littleEndian: boolean } | undefined {
  const bytes = Buffer.alloc(NOTE_HEADER);
  if (paddr < NOTE_HEADER || memory.read(bytes, paddr - NOTE_HEADER) < NOTE_HEADER) return undefined;
  if (!bytes.subarray(12, 12 + NOTE_NAME.length).equals(NOTE_NAME)) return undefined;
  for (const littleEndian of [true, false]) {
    const u32 = (offset: number) => (littleEndian ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset));
    const size = u32(4);
    if (u32(0) === NOTE_NAME.length && size > 0 && size <= MAX_TEXT) return { size, littleEndian };
  }
  return undefined;
}
