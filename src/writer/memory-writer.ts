import { ZERO_PAGE } from "../page-record.js";
import type { PageBitmap } from "../reader/bitmap.js";
import { LIME_MAGIC, LIME_VERSION } from "../reader/raw/lime.js";
import type { DumpWriter, EncodedPages } from "./dump-writer.js";
import { type MemoryLayout, type MemoryRun, memoryRuns } from "./memory-layout.js";
import type { Sink } from "./sink.js";

/**
 * Writes images of memory according to their layout, from the first byte to the last. They cannot be cut short, because
 * the format has no mark for that.
 */
export class MemoryWriter implements DumpWriter {
  /** Number of ranges whose header was written. */
  #begun = 0;

  constructor(
    private readonly sink: Sink,
    private readonly layout: MemoryLayout,
    /** Pages whose content is written to the file. */
    private readonly kept: PageBitmap,
  ) {}

  async begin(): Promise<void> {
    this.sink.ascendingFrom?.(0);
    this.sink.atMost?.(this.layout.mostBytes);
  }

  async add({ startPfn, endPfn, records, data }: EncodedPages): Promise<void> {
    let page = 0;
    let done = 0;
    for (const run of memoryRuns(this.layout, this.kept, startPfn, endPfn)) {
      if (run.range >= this.#begun) await this.#begin(run.range);
      const pages = run.endPfn - run.startPfn;
      done += await this.#write(run, records.subarray(page, page + pages), data.subarray(done));
      page += pages;
    }
  }

  async end(): Promise<number> {
    return this.layout.mostBytes;
  }

  /** Every range has a page, so every range's header is written here. */
  async #begin(range: number): Promise<void> {
    this.#begun = range + 1;
    const { ranges, headerSize, pageSize, littleEndian } = this.layout;
    if (headerSize === 0) return;
    const bytes = new Uint8Array(headerSize);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, LIME_MAGIC, littleEndian);
    view.setUint32(4, LIME_VERSION, littleEndian);
    view.setBigUint64(8, BigInt((ranges.startPfn[range] as number) * pageSize), littleEndian);
    view.setBigUint64(16, BigInt((ranges.endPfn[range] as number) * pageSize) - 1n, littleEndian);
    await this.sink.write(bytes, (ranges.offset[range] as number) - headerSize);
  }

  /**
   * Writes a run without its pages of zeros, which have no bytes in `data`. Returns how many bytes of `data` it used.
   */
  async #write({ offset }: MemoryRun, records: Uint32Array, data: Uint8Array): Promise<number> {
    const { pageSize } = this.layout;
    let done = 0;
    for (let first = 0; first < records.length; ) {
      if (records[first] === ZERO_PAGE) {
        first++;
        continue;
      }
      const zero = records.indexOf(ZERO_PAGE, first);
      const end = zero < 0 ? records.length : zero;
      const length = (end - first) * pageSize;
      const written = this.sink.write(data.subarray(done, done + length), offset + first * pageSize);
      if (written !== undefined) await written;
      done += length;
      first = end;
    }
    return done;
  }
}
