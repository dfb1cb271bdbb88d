import { setImmediate } from "node:timers/promises";
import { DumpError, throwIfAborted } from "../errors.js";
import { OPTION } from "../option-words.js";
import { countBits } from "../reader/bitmap.js";
import { cutOffError } from "../reader/damage.js";
import type { Dump } from "../reader/dump.js";
import { descriptorFault, forEachDescriptor, type PageDescriptor } from "../reader/kdump/descriptors.js";
import { readKdumpHeader } from "../reader/kdump/header.js";
import type { KdumpImage, KdumpPart } from "../reader/kdump/image.js";
import { PAGE_DESC_SIZE, STATUS_INCOMPLETE } from "../reader/kdump/layout.js";
import { type ByteSource, readExactly, readInto } from "../reader/source/byte-source.js";
import { inputChanged } from "../reader/source/input-changed.js";
import { attachSource } from "../reader/source/source-image.js";
import { firstIndex } from "../sorted.js";
import { abandoned } from "./abandoned.js";
import { openFileSink } from "./open-file-sink.js";
import type { PlainOutput } from "./rearrange.js";
import type { Sink } from "./sink.js";
import { structWriter } from "./struct-writer.js";

/** The result of joining a split set. */
export interface ReassembleResult {
  readonly files: readonly string[];
  readonly pages: number;
  /** Pages for which the set's writer had no room: they are missing in the output, too. */
  readonly missing: number;
  readonly outputBytes: number;
}

const PIECE = 1 << 20;
/** Descriptors that are written at once. */
const DESCRIPTORS = 65536;
/** Pages after which the run checks whether it should stop. */
const STEP = 65536;
/** The most pieces that are remembered per file, for pages that share their bytes. Most files are a few pieces. */
const MAX_COPIED = 4096;

/** Options of a caller. */
export interface ReassembleOptions {
  readonly signal?: AbortSignal;
  /** Called with the number of pages done and the total. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Makes one file of a split set. Headers, notes and bitmaps come from the first file; page data are copied without
 * unpacking; the page of zeros that each file has becomes one. `dump` is the opened set. Throws `BAD_OPTION` if it is
 * not a split set, `CORRUPT` and `TRUNCATED` for descriptors that lead nowhere, `INPUT_CHANGED`, `ABORTED`; then nothing is
 * left behind.
 */
export async function reassembleDump(
  dump: Dump,
  output: PlainOutput,
  options: ReassembleOptions = {},
): Promise<ReassembleResult> {
  const { image } = dump;
  const [first] = dump.paths;
  if (
    image.kind !== "kdump" ||
    readKdumpHeader(attachSource((image.parts[0] as KdumpPart).source)).split === undefined
  ) {
    throw new DumpError("BAD_OPTION", "is not a file of a split set", {
      file: first ?? "",
      cure: "Name all files of the set, and the output last",
    });
  }
  const sink = await openFileSink(output.path, output, dump.paths);
  try {
    const result = await new Reassembler(dump, image, sink).run(options);
    const change = inputChanged(image);
    if (change !== undefined) throw change;
    const sentBytes = await sink.finish(result.outputBytes);
    return { ...result, outputBytes: sentBytes ?? result.outputBytes };
  } catch (error) {
    throw await abandoned(error, sink);
  }
}

/** Bytes [start, end) of a part that are already in the output, at `target`. */
interface Copied {
  readonly start: number;
  end: number;
  readonly target: number;
}

class Reassembler {
  readonly #desc = new DataView(new ArrayBuffer(DESCRIPTORS * PAGE_DESC_SIZE));
  #descFill = 0;
  #descPosition: number;
  readonly #data = new Uint8Array(PIECE);
  #dataFill = 0;
  #dataPosition: number;
  #zeroPage: number | undefined;
  #missing = 0;

  constructor(
    private readonly dump: Dump,
    private readonly image: KdumpImage,
    private readonly sink: Sink,
  ) {
    this.#descPosition = (image.parts[0] as KdumpPart).descriptors;
    this.#dataPosition = this.#descPosition + countBits(image.dumped, 0, image.maxMapnr) * PAGE_DESC_SIZE;
  }

  async run({ signal, onProgress }: ReassembleOptions): Promise<ReassembleResult> {
    const { parts, dumped, maxMapnr, blockSize } = this.image;
    await this.#copyHead();
    if ((this.dump.header.dumpLevel & 1) !== 0) {
      this.#zeroPage = this.#append(new Uint8Array(blockSize));
    }
    const total = countBits(dumped, 0, maxMapnr);
    let done = 0;
    for (const part of parts) {
      const source = attachSource(part.source);
      const take = this.#taker(part, source);
      let { descriptors } = part;
      const end = Math.min(part.endPfn, maxMapnr);
      for (let startPfn = part.startPfn; startPfn < end; startPfn += STEP) {
        const endPfn = Math.min(startPfn + STEP, end);
        const found: [pfn: number, descriptor: PageDescriptor | undefined][] = [];
        forEachDescriptor(this.image, { ...part, startPfn, endPfn, descriptors }, (pfn, descriptor) => {
          found.push([pfn, descriptor === undefined ? undefined : { ...descriptor }]);
        });
        for (const [pfn, descriptor] of found) {
          if (this.#dataFill + blockSize > this.#data.length) await this.#flushData();
          if (this.#descFill === this.#desc.byteLength) await this.#flushDescriptors();
          take(pfn, descriptor);
        }
        const pages = countBits(dumped, startPfn, endPfn);
        descriptors += pages * PAGE_DESC_SIZE;
        done += pages;
        onProgress?.(done, total);
        await setImmediate();
        throwIfAborted(signal);
      }
    }
    await this.#flushData();
    await this.#flushDescriptors();
    const outputBytes = await this.#finishHead();
    return { files: this.dump.paths, pages: total - this.#missing, missing: this.#missing, outputBytes };
  }

  /** Makes a function that copies the pages of a part, one by one. */
  #taker(part: KdumpPart, source: ByteSource): (pfn: number, found: PageDescriptor | undefined) => void {
    const { blockSize } = this.image;
    const zeros = new Uint8Array(blockSize);
    const window = new Uint8Array(PIECE);
    let [windowStart, windowLength] = [0, 0];
    const bytesAt = (offset: number, size: number): Uint8Array => {
      if (offset < windowStart || offset + size > windowStart + windowLength) {
        windowStart = offset;
        windowLength = source.read(window, offset);
      }
      return window.subarray(offset - windowStart, offset - windowStart + size);
    };
    const copied: Copied[] = [];
    return (pfn, found) => {
      const fault =
        found === undefined
          ? ({ kind: "missing", why: "its descriptor is beyond the file's end" } as const)
          : descriptorFault(found, part.descriptors, source.size, blockSize);
      if (found === undefined || (fault !== undefined && found.offset !== 0)) {
        throw new DumpError(
          fault?.kind === "missing" ? "TRUNCATED" : "CORRUPT",
          `the page at pfn 0x${pfn.toString(16)}: ${fault?.why}`,
          {
            file: source.name,
            cure: `Copy the file again from where it was made, or filter the set with ${OPTION.salvage}`,
          },
        );
      }
      const { offset, size, flags } = found;
      // The set's writer had no room for the page: a descriptor without an offset says so.
      if (offset === 0) {
        this.#missing++;
        this.#describe(0, 0, 0);
        return;
      }
      const at = lastStart(copied, offset);
      const known = copied[at];
      if (known !== undefined && offset + size <= known.end) {
        this.#describe(known.target + (offset - known.start), size, flags);
        return;
      }
      const bytes = bytesAt(offset, size);
      if (bytes.length < size) throw cutOffError(source.name, `ends in the page at pfn 0x${pfn.toString(16)}`, offset);
      const isZero = flags === 0 && this.#zeroPage !== undefined && Buffer.compare(bytes, zeros) === 0;
      const target = isZero ? (this.#zeroPage as number) : this.#append(bytes);
      this.#describe(target, size, flags);
      if (known !== undefined && known.end === offset && known.target + (offset - known.start) === target) {
        known.end = offset + size;
      } else if (copied.length < MAX_COPIED) {
        copied.splice(at + 1, 0, { start: offset, end: offset + size, target });
      }
    };
  }

  /** Adds bytes to those that are written next, and returns their place in the output. There must be room for them. */
  #append(bytes: Uint8Array): number {
    this.#data.set(bytes, this.#dataFill);
    const offset = this.#dataPosition + this.#dataFill;
    this.#dataFill += bytes.length;
    return offset;
  }

  async #flushData(): Promise<void> {
    if (this.#dataFill > 0) await this.sink.write(this.#data.subarray(0, this.#dataFill), this.#dataPosition);
    this.#dataPosition += this.#dataFill;
    this.#dataFill = 0;
  }

  /** Adds a page descriptor to those that are written next. There must be room for it. */
  #describe(offset: number, size: number, flags: number): void {
    const { littleEndian } = this.image;
    this.#desc.setBigInt64(this.#descFill, BigInt(offset), littleEndian);
    this.#desc.setUint32(this.#descFill + 8, size, littleEndian);
    this.#desc.setUint32(this.#descFill + 12, flags, littleEndian);
    this.#descFill += PAGE_DESC_SIZE;
  }

  async #flushDescriptors(): Promise<void> {
    const bytes = new Uint8Array(this.#desc.buffer, 0, this.#descFill);
    if (bytes.length > 0) await this.sink.write(bytes, this.#descPosition);
    this.#descPosition += this.#descFill;
    this.#descFill = 0;
  }

  /** Copies headers, notes and bitmaps unchanged. */
  async #copyHead(): Promise<void> {
    const part = this.image.parts[0] as KdumpPart;
    const source = attachSource(part.source);
    const piece = new Uint8Array(PIECE);
    for (let at = 0; at < part.descriptors; at += PIECE) {
      const bytes = piece.subarray(0, Math.min(PIECE, part.descriptors - at));
      readInto(source, bytes, at, "headers and bitmaps");
      await this.sink.write(bytes, at);
      await setImmediate();
    }
  }

  /**
   * Writes the fields that differ in a single file: no range of its own, eraseinfo of all files, the mark if any is
   * incomplete. Returns the length.
   */
  async #finishHead(): Promise<number> {
    const { littleEndian, parts } = this.image;
    const sources = parts.map((part) => attachSource(part.source));
    const headers = sources.map(readKdumpHeader);
    const [source] = sources as [ByteSource];
    const [header] = headers as [ReturnType<typeof readKdumpHeader>];
    const { header: at, sub, word } = header.layout;
    const status = headers.reduce((bits, one) => bits | (one.status & STATUS_INCOMPLETE), header.status);
    const statusBytes = structWriter(4, littleEndian, word);
    statusBytes.u32(0, status);
    await this.sink.write(statusBytes.bytes, at.status);
    const out = structWriter(sub.size, littleEndian, word);
    out.bytes.set(readExactly(source, header.blockSize, sub.size, "kdump sub header"));
    out.u32(sub.split, 0);
    out.word(sub.startPfn, 0);
    out.word(sub.endPfn, 0);
    if (header.version >= 6) {
      out.u64(sub.startPfn64, 0);
      out.u64(sub.endPfn64, 0);
    }
    const texts = headers.map(({ eraseinfo }, i) =>
      eraseinfo === undefined
        ? ""
        : Buffer.from(readExactly(sources[i] as ByteSource, eraseinfo.offset, eraseinfo.size, "eraseinfo")).toString(
            "latin1",
          ),
    );
    const erased = Buffer.from([...new Set(texts)].join(""), "latin1");
    if (header.version >= 5) {
      out.u64(sub.offsetEraseinfo, erased.length === 0 ? 0 : this.#dataPosition);
      out.word(sub.sizeEraseinfo, erased.length);
      if (erased.length > 0) await this.sink.write(erased, this.#dataPosition);
    }
    // The headers of older versions end before the fields that they lack: notes follow there.
    const known = header.version >= 6 ? sub.size : header.version === 5 ? sub.startPfn64 : sub.offsetEraseinfo;
    await this.sink.write(out.bytes.subarray(0, known), header.blockSize);
    return this.#dataPosition + (header.version >= 5 ? erased.length : 0);
  }
}

/** Index of the last piece that begins at or before `offset`; -1 if there is none. */
function lastStart(copied: readonly Copied[], offset: number): number {
  return firstIndex(copied.length, (i) => (copied[i] as Copied).start > offset) - 1;
}
