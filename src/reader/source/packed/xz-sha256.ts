import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { DumpError } from "../../../errors.js";
import { cutOffError } from "../../damage.js";
import type { ByteQueue } from "./byte-queue.js";

/*
 * xz streams whose blocks have SHA-256 checksums, as rpm writes them. The decoder does not support these checksums. So
 * it gets streams without checksums, which are made on the fly (tukaani.org/xz/xz-file-format.txt: a header, blocks of
 * LZMA2 chunks that begin with their sizes, an index, a footer), and the checksums are compared with what it unpacks.
 */

const SHA256 = 10;
const SUM = 32;
const HEADER = 12;
const LZMA2 = 0x21;
/** The most blocks of a stream: `xz -T` makes blocks of 24 MiB, which is 24 TiB. */
const MOST_BLOCKS = 1 << 20;
const MAGIC = Buffer.from("\xfd7zXZ\0", "latin1");

/** Whether a stream with this head has SHA-256 checksums. */
export function hasSha256(head: Uint8Array): boolean {
  return head.length >= 8 && head[6] === 0 && head[7] === SHA256;
}

/** The ends of blocks as they become known, and their checksums. */
interface Sums {
  /** Where blocks end, in unpacked bytes of all streams, and the checksum that their bytes must have. */
  readonly ends: { readonly end: number; readonly sum: string }[];
}

/** A block, with the numbers that an index has. */
interface Block {
  readonly unpadded: number;
  readonly unpacked: number;
}

/**
 * Makes streams without checksums, and a check of what comes out of them. `unknown` makes the error for input that the
 * decoder does not support either. Throws `CORRUPT`, `TRUNCATED`, `LIMIT`.
 */
export function withoutSums(queue: ByteQueue, name: string, unknown: () => DumpError) {
  const sums: Sums = { ends: [] };
  return {
    streams: rewritten(queue, name, sums, unknown),
    checked: (unpacked: AsyncIterable<Uint8Array>) => checked(unpacked, sums, name),
  };
}

async function* rewritten(queue: ByteQueue, name: string, sums: Sums, unknown: () => DumpError) {
  const reader = new StreamReader(queue, name);
  let unpackedBefore = 0;
  for (;;) {
    const head = await reader.take(HEADER, "its header");
    if (!hasSha256(head) || !MAGIC.equals(head.subarray(0, 6))) throw unknown();
    yield withCrc(MAGIC, Uint8Array.of(0, 0));
    const blocks: Block[] = [];
    for (;;) {
      const size = (await reader.peek(1, "a block"))[0] as number;
      if (size === 0) break;
      if (blocks.length === MOST_BLOCKS) throw tooManyBlocks(name);
      const header = await reader.take((size + 1) * 4, "the header of a block");
      if (!isLzma2Alone(header)) throw unknown();
      yield header;
      let [packed, unpacked] = [0, 0];
      for (;;) {
        const chunk = await reader.chunk();
        packed += chunk.bytes.length;
        unpacked += chunk.unpacked;
        yield chunk.bytes;
        if (chunk.isLast) break;
      }
      yield await reader.take((4 - (packed % 4)) % 4, "the end of a block");
      const sum = Buffer.from(await reader.take(SUM, "the sum of a block")).toString("hex");
      unpackedBefore += unpacked;
      sums.ends.push({ end: unpackedBefore, sum });
      blocks.push({ unpadded: header.length + packed, unpacked });
    }
    await reader.index(blocks);
    const index = indexOf(blocks);
    yield index;
    yield footerOf(index.length);
    if (!(await reader.another())) return;
  }
}

/**
 * Whether a block uses only LZMA2, as all do except blocks with filters for a processor's programs. The header has
 * flags, sizes if the flags say so, and the filter's number.
 */
function isLzma2Alone(header: Uint8Array): boolean {
  const flags = header[1] as number;
  let at = 2;
  for (const bit of [0x40, 0x80]) {
    if ((flags & bit) === 0) continue;
    while (at < header.length && ((header[at] as number) & 0x80) !== 0) at++;
    at++;
  }
  return (flags & 3) === 0 && header[at] === LZMA2;
}

/** Splits a stream. Throws `TRUNCATED`, `CORRUPT`. */
class StreamReader {
  constructor(
    readonly queue: ByteQueue,
    readonly name: string,
  ) {}

  async peek(length: number, what: string): Promise<Uint8Array> {
    const bytes = await this.queue.peek(length);
    if (bytes.length === length) return bytes;
    throw cutOffError(this.name, `its xz stream ends too early, in ${what}`, this.queue.position + bytes.length);
  }

  async take(length: number, what: string): Promise<Uint8Array> {
    await this.peek(length, what);
    return this.queue.take(length);
  }

  /** The next chunk of LZMA2, including its head. */
  async chunk(): Promise<{ bytes: Uint8Array; unpacked: number; isLast: boolean }> {
    const control = (await this.peek(1, "a chunk"))[0] as number;
    if (control === 0) return { bytes: await this.take(1, "a chunk"), unpacked: 0, isLast: true };
    if (control > 2 && control < 0x80) throw this.damaged("a chunk of an unknown kind");
    const plain = control <= 2;
    const size = plain ? 3 : control >= 0xc0 ? 6 : 5;
    const head = await this.peek(size, "a chunk");
    const word = (at: number) => ((head[at] as number) << 8) | (head[at + 1] as number);
    const unpacked = (plain ? word(1) : ((control & 0x1f) << 16) | word(1)) + 1;
    const packed = plain ? unpacked : word(3) + 1;
    return { bytes: await this.take(size + packed, "a chunk"), unpacked, isLast: false };
  }

  /** Reads the index and the footer, which must describe these blocks. */
  async index(blocks: readonly Block[]): Promise<void> {
    const start = this.queue.position;
    await this.take(1, "its index");
    const numbers = [blocks.length, ...blocks.flatMap(({ unpadded, unpacked }) => [unpadded + SUM, unpacked])];
    for (const expected of numbers) {
      const bytes = vli(expected);
      const found = await this.take(bytes.length, "its index");
      if (!Buffer.from(found).equals(bytes)) throw this.damaged("an index of other blocks than it has");
    }
    await this.take((4 - ((this.queue.position - start) % 4)) % 4, "its index");
    await this.take(4 + HEADER, "its footer");
  }

  /** Whether another stream follows, behind padding with zeros to a multiple of 4 bytes. */
  async another(): Promise<boolean> {
    for (;;) {
      const next = await this.queue.peek(4);
      if (next.length === 0) return false;
      if (next.length < 4 || next.some((byte) => byte !== 0)) return true;
      await this.queue.take(4);
    }
  }

  damaged(what: string): DumpError {
    return new DumpError("CORRUPT", `its xz stream has ${what}`, {
      ...{ file: this.name, offset: this.queue.position, cure: "Copy it again from where it was made" },
    });
  }
}

function tooManyBlocks(file: string): DumpError {
  return new DumpError("LIMIT", `its xz stream has more than ${MOST_BLOCKS} blocks`, {
    file,
    cure: "Pack it in larger blocks",
  });
}

/** A number in xz's encoding: seven bits a byte, the lowest bits first. */
function vli(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function indexOf(blocks: readonly Block[]): Buffer {
  const numbers = blocks.flatMap(({ unpadded, unpacked }) => [vli(unpadded), vli(unpacked)]);
  const records = Buffer.concat([Buffer.of(0), vli(blocks.length), ...numbers]);
  return Buffer.concat([withCrc(records, Buffer.alloc((4 - (records.length % 4)) % 4), true)]);
}

function footerOf(indexSize: number): Buffer {
  const fields = Buffer.alloc(6);
  fields.writeUInt32LE(indexSize / 4 - 1);
  return Buffer.concat([crcOf(fields), fields, Buffer.from("YZ", "latin1")]);
}

/** Two pieces and a checksum: of both, or of the second one. */
function withCrc(first: Uint8Array, more: Uint8Array, ofAll = false): Buffer {
  return Buffer.concat([first, more, crcOf(ofAll ? Buffer.concat([first, more]) : more)]);
}

function crcOf(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(bytes));
  return sum;
}

/**
 * Passes on what was unpacked if each block's bytes have the right checksum. A block's end is known before the first
 * byte of the next one arrives.
 */
async function* checked(
  unpacked: AsyncIterable<Uint8Array>,
  { ends }: Sums,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let [hash, position] = [createHash("sha256"), 0];
  const closeBlocks = () => {
    while (ends[0] !== undefined && ends[0].end === position) {
      const { sum } = ends.shift() as Sums["ends"][number];
      if (hash.digest("hex") !== sum) throw wrongSum(name);
      hash = createHash("sha256");
    }
  };
  for await (const chunk of unpacked) {
    for (let at = 0; at < chunk.length; ) {
      closeBlocks();
      const to = Math.min(chunk.length, at + (ends[0] === undefined ? chunk.length : ends[0].end - position));
      hash.update(chunk.subarray(at, to));
      position += to - at;
      at = to;
    }
    yield chunk;
  }
  closeBlocks();
}

function wrongSum(file: string): DumpError {
  return new DumpError("CORRUPT", "its xz stream is damaged: a block's SHA-256 sum is not that of its bytes", {
    file,
    cure: "Copy it again from where it was made",
  });
}
