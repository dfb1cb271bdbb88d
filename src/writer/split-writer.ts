import { HASH_WORDS, RECORD_SIZE_MASK } from "../page-record.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages, WrittenPart } from "./dump-writer.js";
import { type KdumpPages, KdumpWriter } from "./kdump-writer.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";
import { type SplitRange, splitRanges } from "./split-ranges.js";

/** The sinks of a split set as one: where the writer has told how long each file is, they appear one after the other. */
export interface SplitSink extends Sink {
  readonly parts: readonly Sink[];
  /** Bytes of each part. */
  readonly sizes: number[];
}

export function splitSink(parts: readonly Sink[]): SplitSink {
  const sizes: number[] = [];
  return {
    parts,
    sizes,
    name: parts.map(({ name }) => name).join(", "),
    write() {
      throw new Error("the parts of a split set are written one by one");
    },
    async ready() {
      for (const part of parts) await part.ready?.();
    },
    leftBehind() {
      return parts.flatMap((part) => part.leftBehind?.() ?? []).join("; ") || undefined;
    },
    async finish() {
      let total: number | undefined;
      for (const [i, part] of parts.entries()) {
        const sent = await part.finish(sizes[i] as number);
        if (sent !== undefined) total = (total ?? 0) + sent;
      }
      return total;
    },
    async abort() {
      for (const part of parts) await part.abort();
    },
  };
}

/**
 * Writes a split set as makedumpfile does: every file has the headers, the notes and both bitmaps of the whole dump, and the
 * descriptors and data of its own range of pages, behind room for the descriptors of all. Only the first one has eraseinfo. With
 * `shared` equal pages of a file share their bytes.
 */
export class SplitWriter implements DumpWriter {
  readonly #sink: SplitSink;
  readonly #kept: PageBitmap;
  readonly #firstPfn: number;
  readonly #ranges: readonly SplitRange[];
  readonly #writers: readonly KdumpWriter[];
  readonly #shared: SharedPages | undefined;
  /** The file that the last pages came into. */
  #current = 0;

  constructor(sink: SplitSink, facts: DumpFacts, pages: KdumpPages, status: number, shared?: SharedPages) {
    this.#shared = shared;
    this.#sink = sink;
    this.#kept = pages.kept;
    this.#firstPfn = facts.firstPfn;
    this.#ranges = splitRanges(pages.kept, facts.maxMapnr, sink.parts.length, facts.firstPfn);
    this.#writers = this.#ranges.map((range, i) => {
      const own = i === 0 ? facts : { ...facts, eraseinfo: undefined };
      return new KdumpWriter(sink.parts[i] as Sink, own, pages, status, shared, range);
    });
  }

  async begin(): Promise<void> {
    for (const writer of this.#writers) await writer.begin();
  }

  async reserve(): Promise<void> {
    throw new Error("a split set is not cut short");
  }

  async add(pages: EncodedPages): Promise<void> {
    for (const [i, range] of this.#ranges.entries()) {
      const start = Math.max(pages.startPfn, range.startPfn + this.#firstPfn);
      const end = Math.min(pages.endPfn, range.endPfn + this.#firstPfn);
      if (start >= end) continue;
      if (i !== this.#current) this.#shared?.forget();
      this.#current = i;
      await (this.#writers[i] as KdumpWriter).add(this.#cut(pages, start, end));
    }
  }

  /** The pages [startPfn, endPfn) of a task. */
  #cut(pages: EncodedPages, startPfn: number, endPfn: number): EncodedPages {
    if (startPfn === pages.startPfn && endPfn === pages.endPfn) return pages;
    const first = countBits(this.#kept, pages.startPfn, startPfn);
    const count = countBits(this.#kept, startPfn, endPfn);
    const records = pages.records.subarray(first, first + count);
    const hashes = pages.hashes.subarray(first * HASH_WORDS, (first + count) * HASH_WORDS);
    const from = bytesOf(pages.records.subarray(0, first));
    return { ...pages, startPfn, endPfn, records, hashes, data: pages.data.subarray(from, from + bytesOf(records)) };
  }

  async end(): Promise<number> {
    let total = 0;
    for (const writer of this.#writers) {
      const size = await writer.end();
      this.#sink.sizes.push(size);
      total += size;
    }
    return total;
  }

  async cutShort(): Promise<WrittenPart> {
    throw new Error("a split set is not cut short");
  }
}

function bytesOf(records: Uint32Array): number {
  let bytes = 0;
  for (const record of records) bytes += record & RECORD_SIZE_MASK;
  return bytes;
}
