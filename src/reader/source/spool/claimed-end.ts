import { DumpError } from "../../../errors.js";
import { isElf, readElfHeader } from "../../elf/header.js";
import { readSegments } from "../../elf/segments.js";
import { fields } from "../../fields.js";
import { isKdump, readKdumpHeader } from "../../kdump/header.js";
import { PAGE_DESC_SIZE } from "../../kdump/layout.js";
import { RANGE_HEADER_SIZE, rangeFormat } from "../../raw/lime.js";
import type { ByteSource } from "../byte-source.js";

/**
 * Bytes at the beginning that are searched for headers: enough for 18,000 program headers, or for both headers of any
 * kdump file.
 */
const HEADERS = 2 ** 20;

/** So many bytes behind the end that headers state are allowed: tapes and block devices pad their last block. */
const PADDING = 2 ** 20;
/**
 * The same with `salvage`, for headers that are damaged themselves: data are still read at the places that the headers
 * state. Two seconds of zeros.
 */
const SALVAGE_PADDING = 2 ** 30;

/**
 * The most bytes of a stream whose headers do not state its length at the beginning (flattened, AVML, bare memory).
 * Zeros are not stored, and 34 KB of zstd can be a GiB of them. The largest machines of today have 16 to 32 TiB of
 * memory.
 */
export const MOST_UNPACKED = 64 * 2 ** 40;

/**
 * Passes a stream on up to the end that its headers state, and 1 MiB more (with `salvage` 1 GiB, which also limits
 * `verify`). If there is more, calls `more` with the stated end. Throws `LIMIT` for more than `MOST_UNPACKED` bytes.
 */
export async function* upToClaimedEnd(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  salvage: boolean,
  more: (end: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const claims = new ClaimedEnd();
  const padding = salvage ? SALVAGE_PADDING : PADDING;
  let size = 0;
  for await (const chunk of chunks) {
    const end = claims.after(chunk, size);
    size += chunk.length;
    if (end !== undefined && size > end + padding) {
      const rest = end + padding - (size - chunk.length);
      if (rest > 0) yield chunk.subarray(0, rest);
      more(end);
      return;
    }
    if (size > MOST_UNPACKED) {
      throw new DumpError("LIMIT", `has more than ${MOST_UNPACKED / 2 ** 40} TiB of data`, {
        file: name,
        cure: "No machine has so much memory: copy the dump again from where it was made",
      });
    }
    yield chunk;
  }
}

/** Finds out from the bytes so far where the stream ends. */
class ClaimedEnd {
  #head: Uint8Array[] | undefined = [];
  #headLength = 0;
  #end: number | undefined;
  /** For a LiME file, whose ranges follow each other: the bytes of the next header that have arrived. */
  #lime: { littleEndian: boolean; header: Uint8Array } | undefined;

  /** The least end of the stream, as far as it is known with `chunk`, which begins at `position`. */
  after(chunk: Uint8Array, position: number): number | undefined {
    if (this.#head !== undefined) this.#collect(chunk);
    else if (this.#lime !== undefined) this.#follow(chunk, position);
    return this.#end;
  }

  #collect(chunk: Uint8Array): void {
    const head = this.#head as Uint8Array[];
    head.push(chunk);
    this.#headLength += chunk.length;
    if (this.#headLength < HEADERS) return;
    const bytes = Buffer.concat(head);
    this.#head = undefined;
    if (rangeFormat(bytes) === "lime") {
      this.#lime = { littleEndian: bytes[0] === 0x45, header: new Uint8Array(0) };
      this.#end = 0;
      this.#follow(bytes, 0);
    } else this.#end = endOfHeaders(bytes);
  }

  /** Reads the headers of ranges that begin in a chunk. Where no valid header follows, the file ends. */
  #follow(chunk: Uint8Array, position: number): void {
    const lime = this.#lime as { littleEndian: boolean; header: Uint8Array };
    for (let end = this.#end as number; end + lime.header.length < position + chunk.length; ) {
      const from = Math.max(0, end + lime.header.length - position);
      const header = Buffer.concat([lime.header, chunk.subarray(from, from + RANGE_HEADER_SIZE - lime.header.length)]);
      lime.header = header;
      if (header.length < RANGE_HEADER_SIZE) return;
      const length = rangeLength(header, lime.littleEndian);
      if (length === undefined) {
        this.#lime = undefined;
        return;
      }
      lime.header = new Uint8Array(0);
      end += RANGE_HEADER_SIZE + length;
      this.#end = end;
    }
  }
}

function rangeLength(header: Uint8Array, littleEndian: boolean): number | undefined {
  if (rangeFormat(header) !== "lime") return undefined;
  const words = fields(header, littleEndian, "");
  const length = words.u64(16) + 1n - words.u64(8);
  return length >= 0n && length <= BigInt(MOST_UNPACKED) ? Number(length) : undefined;
}

/**
 * The end that the headers of an ELF or kdump file state; `undefined` for other files, and if the headers cannot be
 * read: opening the dump then reports why.
 */
function endOfHeaders(head: Uint8Array): number | undefined {
  const source = sourceOf(head);
  try {
    if (isElf(head)) {
      const header = readElfHeader(source);
      const { end } = readSegments(source, header);
      return Math.max(end, header.phoff + header.phnum * header.layout.phdrSize);
    }
    return isKdump(head) ? endOfKdump(source) : undefined;
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}

/**
 * No packed page is longer than a page. The limit is twice that, because the format does not require that page data are
 * contiguous, though all writers write them so.
 */
function endOfKdump(source: ByteSource): number {
  const { blockSize, subHeaderBlocks, bitmapBlocks, maxMapnr, ...header } = readKdumpHeader(source);
  const pages = (1 + subHeaderBlocks + bitmapBlocks) * blockSize + maxMapnr * (blockSize + PAGE_DESC_SIZE);
  const ranges = [header.vmcoreinfo, header.notes, header.eraseinfo];
  return ranges.reduce((end, range) => Math.max(end, range === undefined ? 0 : range.offset + range.size), 2 * pages);
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    name: "the head of a stream",
    size: bytes.length,
    read(into, offset) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
}
