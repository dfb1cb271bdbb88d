import { DumpError } from "../errors.js";
import { decodeMemory, INPUT_AT, MAX_PAGE, PAGE_AT, SCRATCH_AT, SCRATCH_BYTES } from "./decode-memory.js";
import { COMPRESSED_LZO, COMPRESSED_SNAPPY, COMPRESSED_ZLIB, COMPRESSED_ZSTD } from "./flags.js";
import { type DecodeModule, loadDecodeModule } from "./wasm/decode/load.js";
import { nodeZstd, zstdNapi } from "./zstd.js";

/** Decodes pages whose data are in the thread's decode memory. */
export interface BlockDecoder {
  /**
   * Decodes the `size` bytes at `from` into into[at, at + length), which it should fill. Returns the number of decoded
   * bytes, or -1 for an invalid stream; if that is not `length`, the content of `into` is undefined.
   */
  decode(from: number, size: number, into: Uint8Array, at: number, length: number): number;
  /** Whether the data of several pages, one behind the other, can be decoded in one call. */
  readonly joins: boolean;
}

/**
 * The decoder for a page descriptor's flags, made at the first use, once per thread. Throws `CODEC_MISSING` if zstd is
 * neither in this Node nor installed, and `CORRUPT` for flags that no program writes.
 */
export function blockDecoder(flags: number, file: string): BlockDecoder {
  const known = cache.get(flags);
  if (known !== undefined) return known;
  const made = makeDecoder(flags, file);
  cache.set(flags, made);
  return made;
}

const cache = new Map<number, BlockDecoder>();

/**
 * Decodes one page whose data may be anywhere, and fills all of `into`. Returns and throws what a `BlockDecoder` does.
 */
export function decodePage(flags: number, data: Uint8Array, into: Uint8Array, file: string): number {
  const decoder = blockDecoder(flags, file);
  if (data.length > MAX_PAGE || into.length > MAX_PAGE) return -1;
  decodeMemory().bytes.set(data, INPUT_AT);
  return decoder.decode(INPUT_AT, data.length, into, 0, into.length);
}

function makeDecoder(flags: number, file: string): BlockDecoder {
  switch (flags) {
    case 0:
      return one((from, size, into, at, length) => {
        if (size === length) into.set(decodeMemory().bytes.subarray(from, from + size), at);
        return size;
      });
    case COMPRESSED_ZLIB:
      return inflateDecoder();
    case COMPRESSED_LZO:
      return moduleDecoder("lzo");
    case COMPRESSED_SNAPPY:
      return moduleDecoder("snappy");
    case COMPRESSED_ZSTD:
      return zstdDecoder(file);
    default:
      throw new DumpError("CORRUPT", `has a page descriptor with flags 0x${flags.toString(16)}`, {
        file,
        cure: "Valid flags are 0 (raw), 1 (zlib), 2 (LZO), 4 (snappy), 0x20 (zstd): the descriptor is damaged",
      });
  }
}

/** A decoder of one page per call. */
function one(decode: BlockDecoder["decode"]): BlockDecoder {
  return { decode, joins: false };
}

function inflateDecoder(): BlockDecoder {
  const module = loadDecodeModule("inflate", decodeMemory().wasmMemory);
  if (module.scratchSize() > SCRATCH_BYTES) throw new Error(`inflate needs ${module.scratchSize()} bytes of scratch`);
  return toPage((from, size, length) => module.decompress(from, size, PAGE_AT, length, SCRATCH_AT));
}

function moduleDecoder(name: "lzo" | "snappy"): BlockDecoder {
  const module: DecodeModule = loadDecodeModule(name, decodeMemory().wasmMemory);
  return toPage((from, size, length) => module.decompress(from, size, PAGE_AT, length));
}

/**
 * Decodes through a page of the decode memory, because modules can reach no other memory. The view of it is made once,
 * so that pages need no allocation.
 */
function toPage(decompress: (from: number, size: number, length: number) => number): BlockDecoder {
  const { bytes } = decodeMemory();
  let page = bytes.subarray(PAGE_AT, PAGE_AT);
  return one((from, size, into, at, length) => {
    const n = decompress(from, size, length);
    if (n !== length) return n;
    if (page.length !== n) page = bytes.subarray(PAGE_AT, PAGE_AT + n);
    into.set(page, at);
    return n;
  });
}

function zstdDecoder(file: string): BlockDecoder {
  const { bytes } = decodeMemory();
  const napi = zstdNapi();
  if (napi !== undefined) {
    const context = new napi.DCtx();
    const decode: BlockDecoder["decode"] = (from, size, into, at, length) => {
      try {
        return context.decompress(into.subarray(at, at + length), bytes.subarray(from, from + size));
      } catch {
        return -1;
      }
    };
    return { decode, joins: true };
  }
  const { zstdDecompressSync } = nodeZstd();
  if (zstdDecompressSync === undefined) {
    throw new DumpError("CODEC_MISSING", "has pages compressed with zstd, and zstd is not installed here", {
      file,
      cure: "Run `npm install zstd-napi`, or use Node 22.15 or later, which contains zstd",
    });
  }
  return one((from, size, into, at, length) => {
    try {
      const page = zstdDecompressSync(bytes.subarray(from, from + size), { maxOutputLength: length + 1 });
      if (page.length === length) into.set(page, at);
      return page.length;
    } catch {
      return -1;
    }
  });
}
