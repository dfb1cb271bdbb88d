import { DumpError } from "../../errors.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import type { ElfHeader } from "./header.js";
import type { Kcore } from "./kcore.js";
import { PT_LOAD, PT_NOTE } from "./layout.js";

/** One PT_LOAD: a range of physical memory and where its bytes are. */
export interface ElfSegment {
  /** Physical start in bytes. */
  readonly paddr: number;
  /**
   * Kernel virtual start, or another number that the writer put there: QEMU without paging writes 0 or the physical
   * address.
   */
  readonly vaddr: bigint;
  readonly offset: number;
  /** Bytes in the file. */
  readonly filesz: number;
  /** Bytes of memory; bytes beyond `filesz` were left out when the file was written. */
  readonly memsz: number;
  readonly flags: number;
  readonly align: number;
}

/** The program headers that are used. */
export interface ElfSegments {
  readonly loads: readonly ElfSegment[];
  readonly notes: readonly { readonly offset: number; readonly size: number }[];
  /** The length that the file must have to contain everything that they describe. */
  readonly end: number;
}

/** The most bytes of notes. The kernel uses a page or so for each CPU, and device dumps may add hundreds of MiB. */
const MAX_NOTES = 1 << 30;

/**
 * Reads all program headers. PT_LOADs without a physical address (all ones: vmalloc in /proc/kcore) are left out. A
 * p_offset of all ones (QEMU, for memory outside its filter) means that the file has no bytes. Of /proc/kcore only RAM
 * is used, at offsets from its base on. Throws `LIMIT` and `CORRUPT`.
 */
export function readSegments(source: ByteSource, header: ElfHeader, kcore?: Kcore): ElfSegments {
  const { layout, phoff, phnum, littleEndian } = header;
  const table = fields(
    readExactly(source, phoff, phnum * layout.phdrSize, "program headers"),
    littleEndian,
    source.name,
  );
  const allOnes = layout.word === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  const loads: ElfSegment[] = [];
  const notes: { offset: number; size: number }[] = [];
  let noteBytes = 0;
  let end = 0;
  for (let i = 0; i < phnum; i++) {
    const at = i * layout.phdrSize;
    const type = table.u32(at + layout.p.type);
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    if (kcore !== undefined && !kcore.ram.has(i)) continue;
    const big = (offset: number) => (layout.word === 8 ? table.u64(at + offset) : BigInt(table.u32(at + offset)));
    const small = (offset: number, what: string) => toSafe(big(offset), what, i, source.name);
    const noData = big(layout.p.offset) === allOnes;
    const from = kcore?.base ?? 0n;
    const offset = noData ? 0 : toSafe(big(layout.p.offset) - from, "p_offset", i, source.name);
    const filesz = noData ? 0 : small(layout.p.filesz, "p_filesz");
    if (filesz > 0) end = Math.max(end, offset + filesz);
    if (type === PT_NOTE) {
      noteBytes += filesz;
      if (noteBytes > MAX_NOTES) {
        throw new DumpError("LIMIT", `${noteBytes} bytes of notes; at most ${MAX_NOTES} are read`, {
          file: source.name,
          offset: phoff + at,
          cure: "The program header is damaged",
        });
      }
      notes.push({ offset, size: filesz });
      continue;
    }
    if (big(layout.p.paddr) === allOnes) continue;
    const paddr = small(layout.p.paddr, "p_paddr");
    // Some writers put 0 into memsz, or less than filesz. Bytes that are in the file are memory.
    const memsz = Math.max(filesz, small(layout.p.memsz, "p_memsz"));
    toSafe(BigInt(paddr) + BigInt(memsz), "p_paddr + p_memsz", i, source.name);
    loads.push({
      paddr,
      vaddr: big(layout.p.vaddr),
      offset,
      filesz,
      memsz,
      flags: table.u32(at + layout.p.flags),
      align: small(layout.p.align, "p_align"),
    });
  }
  return { loads, notes, end };
}

function toSafe(value: bigint, what: string, index: number, file: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DumpError(
      "LIMIT",
      `program header ${index} has ${what} 0x${value.toString(16)}; at most 2^53 - 1 is possible`,
      {
        file,
        cure: "The program header is damaged",
      },
    );
  }
  return Number(value);
}
