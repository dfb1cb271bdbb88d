import { KDUMP_SIGNATURE, STATUS_INCOMPLETE, UTSNAME_OFFSET } from "../reader/kdump/layout.js";
import { UTS_FIELD_SIZE } from "../reader/utsname.js";
import type { DumpFacts } from "./dump-facts.js";
import type { KdumpLayout } from "./kdump-layout.js";
import type { SplitRange } from "./split-ranges.js";
import { structWriter } from "./struct-writer.js";

/** The first block of a kdump-compressed file, of header version 6. `status` is the codec's bit. */
export function kdumpHeader(layout: KdumpLayout, facts: DumpFacts, status: number): Uint8Array {
  const { machine, utsname, timestamp, cpus, incomplete } = facts;
  const { header: at, word } = layout.fields;
  const out = structWriter(layout.blockSize, machine.littleEndian, word);
  out.text(0, 9, KDUMP_SIGNATURE);
  out.u32(8, 6);
  const { sysname, nodename, release, version, machine: name, domainname } = utsname;
  [sysname, nodename, release, version, name, domainname].forEach((text, i) => {
    out.text(UTSNAME_OFFSET + i * UTS_FIELD_SIZE, UTS_FIELD_SIZE, text);
  });
  // tv_usec stays 0: in 64-bit files it is where readers look for the block size of 32-bit files.
  out.word(at.timestamp, timestamp);
  out.u32(at.status, status | (incomplete ? STATUS_INCOMPLETE : 0));
  out.u32(at.blockSize, layout.blockSize);
  out.u32(at.subHeaderBlocks, layout.subHeaderBlocks);
  out.u32(at.bitmapBlocks, layout.bitmapBlocks);
  out.u32(at.maxMapnr, Math.min(layout.bits, 0xffff_ffff));
  out.u32(at.cpus, Math.max(1, cpus));
  return out.bytes;
}

/** What a sub header needs in addition to the layout. */
export interface SubHeaderParts {
  /** The pages of this file, if it is part of a split set. */
  readonly split?: SplitRange | undefined;
  /** Known only at the end, because eraseinfo follows the page data. */
  readonly eraseinfoAt?: number | undefined;
}

/** The sub header's blocks, with the notes: they begin with the second block. */
export function kdumpSubHeader(
  layout: KdumpLayout,
  facts: DumpFacts,
  { split, eraseinfoAt }: SubHeaderParts,
): Uint8Array {
  const { machine, physBase, dumpLevel, noteArea, vmcoreinfo, eraseinfo } = facts;
  const { sub: at, word } = layout.fields;
  const out = structWriter(layout.subHeaderBlocks * layout.blockSize, machine.littleEndian, word);
  out.word(at.physBase, physBase);
  out.u32(at.dumpLevel, dumpLevel);
  if (split !== undefined) {
    const { startPfn, endPfn } = split;
    const largest = word === 8 ? Number.MAX_SAFE_INTEGER : 0xffff_ffff;
    out.u32(at.split, 1);
    out.word(at.startPfn, Math.min(startPfn, largest));
    out.word(at.endPfn, Math.min(endPfn, largest));
    out.u64(at.startPfn64, startPfn);
    out.u64(at.endPfn64, endPfn);
  }
  if (vmcoreinfo !== undefined) {
    out.u64(at.offsetVmcoreinfo, layout.notesAt + vmcoreinfo.offset);
    out.word(at.sizeVmcoreinfo, vmcoreinfo.size);
  }
  if (noteArea.length > 0) {
    out.u64(at.offsetNote, layout.notesAt);
    out.word(at.sizeNote, noteArea.length);
  }
  if (eraseinfo !== undefined && eraseinfoAt !== undefined) {
    out.u64(at.offsetEraseinfo, eraseinfoAt);
    out.word(at.sizeEraseinfo, eraseinfo.length);
  }
  out.u64(at.maxMapnr64, layout.bits);
  out.bytes.set(noteArea, at.size);
  return out.bytes;
}
