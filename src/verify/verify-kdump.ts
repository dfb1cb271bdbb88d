import { COMPRESSED_LZO, COMPRESSED_SNAPPY, COMPRESSED_ZLIB, COMPRESSED_ZSTD } from "../codec/flags.js";
import { formatCount } from "../readable-count.js";
import { countBits, findBit } from "../reader/bitmap.js";
import { BITS_OF_BYTE, countBitsIn, findBitIn } from "../reader/bits.js";
import { descriptorFault, forEachDescriptor, NEVER_WRITTEN, type PageDescriptor } from "../reader/kdump/descriptors.js";
import { type KdumpHeader, readKdumpHeader } from "../reader/kdump/header.js";
import type { KdumpImage } from "../reader/kdump/image.js";
import { PAGE_DESC_SIZE, STATUS_INCOMPLETE, STATUS_NO_VMEMMAP } from "../reader/kdump/layout.js";
import { isCovered } from "../reader/kdump/present.js";
import type { ByteSource } from "../reader/source/byte-source.js";
import { attachSource } from "../reader/source/source-image.js";
import { pageAt } from "../reader/stretches.js";
import type { Findings } from "./findings.js";
import { findOverlaps } from "./overlaps.js";

const KNOWN_STATUS =
  COMPRESSED_ZLIB | COMPRESSED_LZO | COMPRESSED_SNAPPY | COMPRESSED_ZSTD | STATUS_INCOMPLETE | STATUS_NO_VMEMMAP;
/** The most bytes of padding behind a bitmap that are checked. */
const MAX_PADDING = 1 << 20;

/** Checks headers, bitmaps and descriptors of a kdump-compressed dump. Takes about 0.1 us a page. */
export function verifyKdump(image: KdumpImage, findings: Findings): void {
  checkBitmaps(image, findings);
  for (const part of image.parts) {
    const source = attachSource(part.source);
    const header = readKdumpHeader(source);
    checkHeader(header, source, findings);
    checkPadding(header, source, findings);
    const end = Math.min(part.endPfn, image.maxMapnr);
    const pages = countBits(image.dumped, part.startPfn, end);
    const dataStart = Math.min(source.size, part.descriptors + pages * PAGE_DESC_SIZE);
    const file = source.name;
    let beyond = 0;
    const behind = { first: 0, at: 0, last: 0, pages: 0 };
    const isBeyond = (pfn: number, pages: number) => {
      if (beyond === 0) {
        const message = "its descriptor, and those that follow, are beyond the file's end";
        findings.add({ kind: "missing-page", message, file, pfn }, 0);
      }
      beyond += pages;
    };
    const visit = (pfn: number, descriptor: PageDescriptor | undefined) => {
      if (descriptor === undefined) return isBeyond(pfn, 1);
      const { position, offset } = descriptor;
      // What a stream lacks reads as zeros, and only looks like a descriptor that nobody wrote.
      if (!isCovered(part.source.flattened, position, PAGE_DESC_SIZE)) return isBeyond(pfn, 1);
      const fault = descriptorFault(descriptor, dataStart, source.size, image.blockSize);
      if (fault === undefined && isCovered(part.source.flattened, offset, descriptor.size)) return;
      if (fault === undefined || (fault.kind === "missing" && offset !== 0)) {
        if (behind.pages++ === 0) Object.assign(behind, { first: pfn, at: position });
        behind.last = pfn;
        return;
      }
      const kind = fault.kind === "missing" ? "missing-page" : "descriptor";
      findings.add({ kind, message: fault.why, file, offset: position, pfn });
    };
    forEachDescriptor(image, part, visit, (run) => {
      const { startPfn, endPfn, pages, position } = run;
      if (position === undefined || !isCovered(part.source.flattened, position, PAGE_DESC_SIZE)) {
        return isBeyond(startPfn, pages);
      }
      let listed = 0;
      for (let pfn = startPfn; listed < pages && !findings.full("missing-page"); listed++) {
        const offset = position + listed * PAGE_DESC_SIZE;
        findings.add({ kind: "missing-page", message: NEVER_WRITTEN, file, offset, pfn });
        pfn = findBit(image.dumped, pfn + 1, endPfn, true);
      }
      findings.count("missing-page", pages - listed);
    });
    findings.count("missing-page", beyond);
    if (behind.pages > 0) {
      const pages =
        behind.pages === 1
          ? "its data lie"
          : `the data of ${formatCount(behind.pages)} pages, up to pfn 0x${behind.last.toString(16)}, lie`;
      findings.add(
        {
          kind: "missing-page",
          message: `${pages} behind the end of the file`,
          file,
          offset: behind.at,
          pfn: behind.first,
        },
        behind.pages,
      );
    }
    findOverlaps(image, part, dataStart, source.size, findings);
  }
}

function checkHeader(header: KdumpHeader, source: ByteSource, findings: Findings): void {
  const file = source.name;
  const { blockSize, subHeaderBlocks, status, notes, vmcoreinfo, eraseinfo, layout } = header;
  const unknown = status & ~KNOWN_STATUS;
  if (unknown !== 0) {
    const message = `status has bits of no known meaning: 0x${unknown.toString(16)}`;
    findings.add({ kind: "header", message, file, offset: layout.header.status });
  }
  if ((status & STATUS_INCOMPLETE) !== 0) {
    findings.add({
      kind: "incomplete",
      message: "is marked incomplete by its writer",
      file,
      offset: layout.header.status,
    });
  }
  const end = (1 + subHeaderBlocks) * blockSize;
  for (const [what, range, within] of [
    ["notes", notes, end],
    ["VMCOREINFO", vmcoreinfo, notes === undefined ? end : notes.offset + notes.size],
  ] as const) {
    const start = what === "VMCOREINFO" && notes !== undefined ? notes.offset : blockSize;
    if (range === undefined || (range.offset >= start && range.offset + range.size <= within)) continue;
    const message = `${what} of ${range.size} bytes at ${range.offset} are outside of their place, ${start} to ${within}`;
    findings.add({ kind: "note", message, file });
  }
  if (eraseinfo !== undefined && eraseinfo.offset + eraseinfo.size > source.size) {
    const message = `eraseinfo of ${eraseinfo.size} bytes at ${eraseinfo.offset} is beyond the file's end`;
    findings.add({ kind: "note", message, file });
  }
}

/** Finds pages that are dumped but do not exist. */
function checkBitmaps({ exists, dumped, maxMapnr, parts }: KdumpImage, findings: Findings): void {
  let wrong = 0;
  let first: number | undefined;
  for (let i = 0; i < dumped.bytes.length; i++) {
    const extra = (dumped.bytes[i] as number) & ~(exists.bytes[i] as number);
    if (extra === 0) continue;
    wrong += BITS_OF_BYTE[extra & 0xff] as number;
    first ??= pageAt(dumped.stretches, findBitIn(Uint8Array.of(extra & 0xff), 0, 8, true) + i * 8);
  }
  if (first === undefined || first >= maxMapnr) return;
  const file = parts[0]?.source.file.path ?? "";
  const message = "pages with data that the first bitmap does not have";
  findings.add({ kind: "bitmap", message, file, pfn: first }, wrong);
}

/** Finds bits behind the last page, in both bitmaps. */
function checkPadding(header: KdumpHeader, source: ByteSource, findings: Findings): void {
  const { blockSize, subHeaderBlocks, bitmapBlocks, maxMapnr } = header;
  const used = Math.ceil(maxMapnr / 8);
  const two = bitmapBlocks >= 2 * Math.ceil(used / blockSize);
  const length = (two ? bitmapBlocks / 2 : bitmapBlocks) * blockSize;
  const start = (1 + subHeaderBlocks) * blockSize;
  for (const bitmap of two ? [start, start + length] : [start]) {
    const from = bitmap + Math.floor(maxMapnr / 8);
    const tail = new Uint8Array(Math.max(0, Math.min(bitmap + length - from, MAX_PADDING)));
    const got = source.read(tail, from);
    if (got > 0 && maxMapnr % 8 !== 0) tail[0] = (tail[0] as number) & ~((1 << (maxMapnr % 8)) - 1);
    const bits = countBitsIn(tail, 0, got * 8);
    if (bits === 0) continue;
    const pfn = findBitIn(tail, 0, got * 8, true) + Math.floor(maxMapnr / 8) * 8;
    const message = `bits for pages beyond max_mapnr (${maxMapnr})`;
    findings.add({ kind: "bitmap", message, file: source.name, offset: from, pfn }, bits);
  }
}
