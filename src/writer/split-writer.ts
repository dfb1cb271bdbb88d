import { HASH_WORDS, RECORD_SIZE_MASK } from "../page-record.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages } from "./dump-writer.js";
import { kdumpLayout } from "./kdump-layout.js";
import { KdumpWriter, type PagesInMemory } from "./kdump-writer.js";
import type { NamedFiles } from "./named-files.js";
import type { SharedPages } from "./shared-pages.js";
import type { Destination, Sink } from "./sink.js";
import { type SplitRange, splitRanges } from "./split-ranges.js";

/**
 * The files of a split set as one destination: they appear one after the other. `sizes`: bytes of each file, after all
 * are written; `named`: those that have their names.
 */
export function splitDestination(
  parts: readonly Sink[],
  sizes: () => readonly number[],
  named: NamedFiles,
): Destination {
  return {
    get name() {
      return parts.map(({ name }) => name).join(", ");
    },
    async ready() {
      for (const part of parts) await part.ready?.();
    },
    leftBehind() {
      return parts.flatMap((part) => part.leftBehind?.() ?? []).join("; ") || undefined;
    },
    async finish() {
      let total: number | undefined;
      for (const [i, size] of sizes().entries()) {
        named.check();
        const sent = await parts[i]?.finish(size);
        if (sent !== undefined) total = (total ?? 0) + sent;
      }
      named.check();
      named.letGo();
      return total;
    },
    async abort() {
      named.letGo();
      for (const part of parts) await part.abort();
    },
  };
}

/**
 * Writes a split set like makedumpfile: every file has the headers, the notes and both bitmaps of the whole dump, and
 * the descriptors and data of its own range of pages, behind room for the descriptors of all. Only the first file has
 * eraseinfo. With `shared`, equal pages of a file share their bytes.
 */
export class SplitWriter implements DumpWriter {
  readonly #kept: PageBitmap;
  readonly #firstPfn: number;
  readonly #ranges: readonly SplitRange[];
  readonly #writers: readonly KdumpWriter[];
  readonly #shared: SharedPages | undefined;
  readonly #sizes: number[] = [];
  /** Index of the file that got the last pages. */
  #current = 0;

  /** `parts`: the files; each gets about the same number of pages. `status` is the codec's bit. */
  constructor(
    parts: readonly Sink[],
    { facts, status }: { readonly facts: DumpFacts; readonly status: number },
    pages: PagesInMemory,
    shared?: SharedPages,
  ) {
    this.#shared = shared;
    this.#kept = pages.kept;
    this.#firstPfn = facts.firstPfn;
    this.#ranges = splitRanges(pages.kept, facts.maxMapnr, parts.length, facts.firstPfn);
    const keptPages = countBits(pages.kept, facts.firstPfn, facts.maxMapnr);
    this.#writers = parts.map((sink, i) => {
      const own = i === 0 ? facts : { ...facts, eraseinfo: undefined };
      const layout = kdumpLayout(own, keptPages);
      return new KdumpWriter(sink, layout, { facts: own, status }, pages, { shared, split: this.#ranges[i] });
    });
  }

  /** Bytes of each file, after `end`. */
  get sizes(): readonly number[] {
    return this.#sizes;
  }

  async begin(): Promise<void> {
    for (const writer of this.#writers) await writer.begin();
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

  /** The pages [startPfn, endPfn) of a task's pages. */
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
      this.#sizes.push(size);
      total += size;
    }
    return total;
  }
}

function bytesOf(records: Uint32Array): number {
  let bytes = 0;
  for (const record of records) bytes += record & RECORD_SIZE_MASK;
  return bytes;
}
