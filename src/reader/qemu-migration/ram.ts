import { DumpError } from "../../errors.js";
import { checkClaim, checkPageCount } from "../page-count.js";
import { ENTRY, entryOf, PageIndexBuilder } from "../paged/page-index.js";
import { type FixedPages, indexFixedPages, readFixedPages } from "./mapped-ram.js";
import { damagedStream, type StreamReader } from "./stream.js";

/** The configuration of a stream. */
export interface StreamSettings {
  /** "pc-q35-7.2"; empty if the stream does not name it. */
  readonly machine: string;
  /** Names of migration capabilities that change the content of the stream. */
  readonly capabilities: ReadonlySet<string>;
  /** Bytes of a page of the stream. */
  readonly pageSize: number;
}

/** A block of memory: the machine's, its firmware's or a device's. */
export interface RamBlock {
  readonly name: string;
  /** Bytes that are used: whole pages. */
  readonly length: number;
  /** Its first page in the index. */
  readonly firstPage: number;
  /** Guest physical address, if the stream has it (x-ignore-shared). */
  readonly address: number | undefined;
}

/** The blocks of a stream, and where their pages are. */
export interface RamPages {
  readonly blocks: readonly RamBlock[];
  readonly pages: PageIndexBuilder;
}

/** Flags of a record. They are in the bits of its address below the page size. */
const RECORD = {
  obsoleteFull: 0x01,
  fill: 0x02,
  formatBytes: 0x04,
  page: 0x08,
  endOfPart: 0x10,
  sameBlock: 0x20,
  xbzrle: 0x40,
  hook: 0x80,
  compressed: 0x100,
  multifdFlush: 0x200,
} as const;

/** The most blocks: QEMU makes some twenty. */
const MOST_BLOCKS = 4096;
/**
 * The most changes of all pages together, 24 bytes of memory each; and of one page, all of which are applied to read
 * it.
 */
const MOST_CHANGES = 2 ** 24;
const MOST_CHANGES_OF_PAGE = 4096;
/** zlib makes incompressible bytes longer by a thousandth at most (deflateBound); QEMU reserves as much. */
const packedBound = (pageSize: number) => pageSize + 4096;

/** Reads the memory section, part by part. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`, `UNSUPPORTED`. */
export class RamReader {
  /** The memory that was read so far; `undefined` before the list of blocks. */
  ram: RamPages | undefined;
  #byName = new Map<string, RamBlock>();
  /** Block of the last page, in any part: a record may say that it is of the same block. */
  #block: RamBlock | undefined;

  constructor(
    private readonly reader: StreamReader,
    private readonly settings: StreamSettings,
  ) {}

  /** Reads the records of one part, up to the one that ends it. */
  part(): void {
    for (;;) {
      const at = this.reader.position;
      const { flags, address } = this.#head();
      if (flags === RECORD.endOfPart) {
        if (this.ram === undefined) throw damagedStream(this.reader.source, at, "memory without a list of its blocks");
        return;
      }
      if (flags === RECORD.formatBytes) this.#list(address);
      else if (flags !== RECORD.multifdFlush) this.#page(flags, address, at);
    }
  }

  #head(): { flags: number; address: number } {
    const word = this.reader.u64();
    const flags = word % this.settings.pageSize;
    return { flags, address: word - flags };
  }

  /** Reads the list of blocks, whose lengths add up to `total`. */
  #list(total: number): void {
    const { pageSize, capabilities } = this.settings;
    const { source, held } = this.reader;
    if (this.ram !== undefined) throw damagedStream(source, this.reader.position, "two lists of blocks");
    checkPageCount(total / pageSize, source.name);
    checkClaim(total / pageSize, held, source.name);
    const blocks: RamBlock[] = [];
    const fixed: { block: RamBlock; places: FixedPages }[] = [];
    const finish = () => {
      const last = blocks.at(-1);
      const pages = last === undefined ? 0 : last.firstPage + last.length / pageSize;
      this.ram = { blocks, pages: new PageIndexBuilder(pages, { held, file: source.name }) };
      this.#byName = new Map(blocks.map((block) => [block.name, block]));
      for (const { block, places } of fixed) indexFixedPages(this.reader, places, block, pageSize, this.ram.pages);
    };
    try {
      for (let done = 0; done < total; ) {
        const block = this.#listed(blocks, total - done);
        blocks.push(block);
        done += block.length;
        if (!capabilities.has("mapped-ram")) continue;
        const places = readFixedPages(this.reader, block.name, block.length, pageSize);
        if (places === undefined) continue;
        fixed.push({ block, places });
        this.reader.position = places.pages + block.length;
      }
    } catch (error) {
      // The list continues behind the pages of a block at fixed places. If the file is cut off in them, salvage still
      // uses the blocks before.
      if (fixed.length > 0) finish();
      throw error;
    }
    finish();
  }

  /** Reads an entry of the list. */
  #listed(blocks: readonly RamBlock[], left: number): RamBlock {
    const { pageSize, capabilities } = this.settings;
    const reader = this.reader;
    const at = reader.position;
    const name = reader.name();
    const length = reader.u64();
    if (length % pageSize !== 0 || length > left || blocks.length === MOST_BLOCKS) {
      throw damagedStream(
        reader.source,
        at,
        `a block ${JSON.stringify(name)} of ${length} bytes, where ${left} are left`,
      );
    }
    if (blocks.some((block) => block.name === name)) {
      throw damagedStream(reader.source, at, `two blocks ${JSON.stringify(name)}`);
    }
    if (capabilities.has("postcopy-ram")) this.#passPageSize();
    const address = capabilities.has("x-ignore-shared") ? reader.u64() : undefined;
    const last = blocks.at(-1);
    return { name, length, firstPage: last === undefined ? 0 : last.firstPage + last.length / pageSize, address };
  }

  /**
   * With postcopy-ram, the entry of a block of huge pages has their size after its length; other entries have nothing
   * there. The stream does not say which it is, but the size cannot be confused with what may follow instead: the
   * length of a name, which is never 0, or a record, which has flags.
   */
  #passPageSize(): void {
    const reader = this.reader;
    const at = reader.position;
    if (reader.peek() !== 0) return;
    const size = reader.u64();
    if (size % this.settings.pageSize !== 0 || size === 0) reader.position = at;
  }

  /** Reads a page's record. */
  #page(flags: number, address: number, at: number): void {
    const reader = this.reader;
    const kind = flags & ~RECORD.sameBlock;
    if (kind === RECORD.hook) throw unsupported(reader, at, "was sent by RDMA, page by page");
    if (flags & ~KNOWN || !PAGE_KINDS.has(kind)) {
      throw damagedStream(reader.source, at, `a record of memory with flags 0x${flags.toString(16)}`);
    }
    if ((flags & RECORD.sameBlock) === 0) this.#enterBlock(at);
    const block = this.#block;
    if (block === undefined || address + this.settings.pageSize > block.length) {
      throw damagedStream(reader.source, at, `a page at 0x${address.toString(16)} of ${block?.name ?? "no block"}`);
    }
    const page = block.firstPage + address / this.settings.pageSize;
    const pages = (this.ram as RamPages).pages;
    if (kind === RECORD.page) {
      const place = reader.position;
      reader.skip(this.settings.pageSize);
      pages.set(page, entryOf(ENTRY.plain, place));
    } else if (kind === RECORD.fill) pages.set(page, entryOf(ENTRY.fill, reader.u8()));
    else if (kind === RECORD.compressed) this.#compressed(page, pages);
    else this.#change(page, pages);
  }

  #enterBlock(at: number): void {
    const name = this.reader.name();
    if (this.#block?.name === name) return;
    this.#block = this.#byName.get(name);
    if (this.#block !== undefined) return;
    throw damagedStream(
      this.reader.source,
      at,
      `a page of block ${JSON.stringify(name)}, which its list does not have`,
    );
  }

  #compressed(page: number, pages: PageIndexBuilder): void {
    const reader = this.reader;
    const at = reader.position;
    const length = reader.u32();
    if (length > packedBound(this.settings.pageSize)) {
      throw damagedStream(reader.source, at, `a compressed page of ${length} bytes`);
    }
    reader.skip(length);
    pages.set(page, entryOf(ENTRY.zlib, at));
  }

  #change(page: number, pages: PageIndexBuilder): void {
    const reader = this.reader;
    const at = reader.position;
    const version = reader.u8();
    const length = reader.u16();
    if (version !== 1 || length > this.settings.pageSize) {
      throw damagedStream(reader.source, at, `a changed page (XBZRLE) of kind ${version} and ${length} bytes`);
    }
    reader.skip(length);
    if (pages.changes === MOST_CHANGES || pages.changesOf(pages.get(page)) === MOST_CHANGES_OF_PAGE) {
      throw new DumpError(
        "LIMIT",
        `more than ${MOST_CHANGES} changed pages (XBZRLE), or ${MOST_CHANGES_OF_PAGE} changes of one`,
        {
          file: reader.source.name,
          offset: at,
          cure: "Save the machine again while it is stopped",
        },
      );
    }
    pages.change(page, at);
  }
}

const KNOWN = RECORD.fill | RECORD.page | RECORD.sameBlock | RECORD.xbzrle | RECORD.compressed;
const PAGE_KINDS: ReadonlySet<number> = new Set([RECORD.fill, RECORD.page, RECORD.xbzrle, RECORD.compressed]);

function unsupported(reader: StreamReader, offset: number, what: string): DumpError {
  return new DumpError("UNSUPPORTED", what, {
    file: reader.source.name,
    offset,
    cure: "Dump the machine with dump-guest-memory",
  });
}
