import { createWasmMemory, loadDecodeModule } from "../../../codec/wasm/decode/load.js";
import { DumpError } from "../../../errors.js";
import { OPTION } from "../../../option-words.js";
import { cutOffError } from "../../damage.js";
import type { ByteQueue } from "./byte-queue.js";
import { LZ4_MAGIC, SKIPPABLE_MAGIC } from "./packing.js";
import { XxHash32, xxHash32 } from "./xxhash32.js";

// The frame format is that of lz4_Frame_format.md (lz4/lz4), version 1.6.

/** Blocks of a frame may refer to this many bytes before them. */
const HISTORY = 65536;
const MAX_BLOCK = 4 << 20;
const STORED = 0x8000_0000;

/** The 1-byte checksum of a frame's descriptor. */
export function descriptorChecksum(descriptor: Uint8Array): number {
  return (xxHash32(descriptor) >>> 8) & 0xff;
}

/** The fields of a frame's descriptor. */
interface Frame {
  readonly linked: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly maxBlock: number;
}

/** Unpacks consecutive LZ4 frames, and skips skippable frames. Throws `TRUNCATED`, `CORRUPT`, `UNSUPPORTED`. */
export async function* unpackLz4(queue: ByteQueue, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = createWasmMemory(2 * MAX_BLOCK + HISTORY);
  const kernel = loadDecodeModule("lz4", memory);
  const bytes = new Uint8Array(memory.buffer);
  const corrupt = (what: string) =>
    new DumpError("CORRUPT", `its LZ4 stream is damaged: ${what}`, {
      file: name,
      offset: queue.position,
      cure: `Copy it again from where it was made, or use ${OPTION.salvage} for what comes before`,
    });
  const take = async (length: number, what: string) => {
    const taken = await queue.take(length);
    if (taken.length === length) return taken;
    throw cutOffError(name, `ends in ${what} of its LZ4 stream`, queue.position);
  };
  const takeWord = async (what: string) => wordAt(await take(4, what), 0);

  const readFrame = async (): Promise<Frame> => {
    const flags = (await take(2, "a frame header")).slice();
    const [first = 0, second = 0] = flags;
    if (first >> 6 !== 1) throw corrupt(`a frame of version ${first >> 6}; known is 1`);
    if ((first & 1) !== 0) {
      throw new DumpError("UNSUPPORTED", "its LZ4 stream needs a dictionary", {
        file: name,
        cure: "Unpack it with the program that made it",
      });
    }
    const size = (first & 8) === 0 ? new Uint8Array(0) : (await take(8, "a frame header")).slice();
    const [checksum] = await take(1, "a frame header");
    if (checksum !== descriptorChecksum(Buffer.concat([flags, size]))) throw corrupt("a frame header's checksum");
    const log = (second >> 4) & 7;
    if (log < 4) throw corrupt(`blocks of unknown size (${log})`);
    return {
      linked: (first & 32) === 0,
      blockChecksums: (first & 16) !== 0,
      contentChecksum: (first & 4) !== 0,
      maxBlock: 1 << (8 + 2 * log),
    };
  };

  // Packed blocks are at 0. A block is unpacked behind up to 64 KiB of the bytes before it.
  const target = MAX_BLOCK + HISTORY;
  while ((await queue.peek(1)).length > 0) {
    const magic = await takeWord("a frame header");
    if ((magic & ~15) === SKIPPABLE_MAGIC) {
      const length = await takeWord("a frame header");
      if ((await queue.skip(length)) < length) await take(1, "a frame to pass over");
      continue;
    }
    if (magic !== LZ4_MAGIC) throw corrupt("no frame where one must begin");
    const frame = await readFrame();
    const hash = frame.contentChecksum ? new XxHash32() : undefined;
    let history = 0;
    for (;;) {
      const word = await takeWord("the blocks (its end mark is missing)");
      if (word === 0) break;
      const size = (word & ~STORED) >>> 0;
      if (size > frame.maxBlock) throw corrupt(`a block of ${size} bytes`);
      const data = await take(size, "a block");
      if (frame.blockChecksums) {
        const sum = xxHash32(data);
        if ((await takeWord("a block")) !== sum) throw corrupt("a block's checksum");
      }
      let length = size;
      if (word >>> 31 === 1) bytes.set(data, target);
      else {
        bytes.set(data, 0);
        length = kernel.decompress(0, size, target, frame.maxBlock, history);
        if (length < 0) throw corrupt("a block that is not an LZ4 stream");
      }
      const block = bytes.subarray(target, target + length);
      hash?.update(block);
      yield block.slice();
      if (frame.linked) {
        const known = Math.min(HISTORY, history + length);
        bytes.copyWithin(target - known, target + length - known, target + length);
        history = known;
      }
    }
    if (hash !== undefined && (await takeWord("its content's checksum")) !== hash.digest()) {
      throw corrupt("the checksum of its content");
    }
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}
