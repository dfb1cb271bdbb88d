import { DumpError } from "../errors.js";
import { OPTION } from "../option-words.js";
import { CODEC_FLAGS, type Codec } from "./codecs.js";
import { zlib } from "./node-zlib.js";
import { type EncodeModule, loadEncodeModule, type WasmMemory } from "./wasm/encode/load.js";
import { hasZstd, nodeZstd, ZSTD_COMPRESSION_LEVEL, type ZstdNapi, zstdNapi } from "./zstd.js";

/** What an encoder must know about the layout of the memory. */
export interface EncoderRoom {
  /** Bytes of a page. */
  readonly pageSize: number;
  /** Bytes of scratch per call. */
  readonly scratchSize: number;
}

/** Compresses single pages within the shared memory. */
export interface PageEncoder {
  /** Page descriptor flag of a compressed page. */
  readonly flag: number;
  /**
   * Compresses the page at byte `source` of the shared memory to `target`. Returns the compressed length, or 0 if it
   * would not be shorter than the page; writes at most the page size less one. `scratch` is the address of the slot's
   * scratch.
   */
  encode(source: number, target: number, scratch: number): number;
}

/**
 * The encoder of a codec; `undefined` for the codec "none". Throws `CODEC_MISSING` if zstd is neither installed nor in
 * this Node.
 */
export function createEncoder(codec: Codec, memory: WasmMemory, layout: EncoderRoom): PageEncoder | undefined {
  const flag = CODEC_FLAGS[codec.name];
  switch (codec.name) {
    case "none":
      return undefined;
    case "lzo":
    case "snappy":
      return moduleEncoder(flag, loadEncodeModule(codec.name, memory), layout);
    case "zlib":
      return zlibEncoder(flag, codec.level ?? 1, memory, layout);
    case "zstd":
      return zstdEncoder(flag, codec.level ?? 1, memory, layout);
  }
}

/** Checks before a run whether a codec is available. Throws `CODEC_MISSING`. */
export function checkCodec(codec: Codec): void {
  if (codec.name === "zstd" && !hasZstd()) throw notInstalled();
}

function notInstalled(): DumpError {
  return new DumpError("CODEC_MISSING", "zstd is not installed here, and this Node does not contain it", {
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or choose zlib (${OPTION.zlib}), lzo (${OPTION.lzo}) or snappy (${OPTION.snappy})`,
  });
}

function moduleEncoder(flag: number, module: EncodeModule, layout: EncoderRoom): PageEncoder {
  if (module.scratchSize() > layout.scratchSize) {
    throw new Error(`a module needs ${module.scratchSize()} bytes of scratch; slots have ${layout.scratchSize}`);
  }
  const { pageSize } = layout;
  return {
    flag,
    encode: (source, target, scratch) => module.compress(source, pageSize, target, pageSize - 1, scratch),
  };
}

/**
 * The deflate module is made for the lowest level. At the others the smaller of its stream and Node's is used: Node's
 * zlib is Chromium's, which misses matches of 3 bytes and so is up to 4 % larger than the original library.
 */
function zlibEncoder(flag: number, level: number, memory: WasmMemory, layout: EncoderRoom): PageEncoder {
  const module = moduleEncoder(flag, loadEncodeModule("deflate", memory), layout);
  if (level === 1) return module;
  const bytes = new Uint8Array(memory.buffer);
  const { deflateSync } = zlib();
  return {
    flag,
    encode(source, target, scratch) {
      const size = module.encode(source, target, scratch);
      const packed = deflateSync(bytes.subarray(source, source + layout.pageSize), { level });
      if (packed.length >= (size > 0 ? size : layout.pageSize)) return size;
      bytes.set(packed, target);
      return packed.length;
    },
  };
}

/** An encoder that uses a library function which returns new bytes: allocates a view and a result per page. */
function libraryEncoder(
  flag: number,
  memory: WasmMemory,
  layout: EncoderRoom,
  compress: (page: Uint8Array) => Uint8Array,
): PageEncoder {
  const bytes = new Uint8Array(memory.buffer);
  return {
    flag,
    encode(source, target) {
      const packed = compress(bytes.subarray(source, source + layout.pageSize));
      if (packed.length >= layout.pageSize) return 0;
      bytes.set(packed, target);
      return packed.length;
    },
  };
}

function zstdEncoder(flag: number, level: number, memory: WasmMemory, layout: EncoderRoom): PageEncoder {
  const binding = zstdNapi();
  if (binding !== undefined) return napiEncoder(binding, flag, level, memory, layout);
  const compress = nodeZstd().zstdCompressSync;
  if (compress === undefined) throw notInstalled();
  const options = { params: { [ZSTD_COMPRESSION_LEVEL]: level } };
  return libraryEncoder(flag, memory, layout, (page) => compress(page, options));
}

/**
 * One context per thread, and one view per page and scratch of each slot, made at the first use, so that calls allocate
 * nothing. For pages that do not shrink zstd needs more room than a page, so it writes to the scratch.
 */
function napiEncoder(
  binding: ZstdNapi,
  flag: number,
  level: number,
  memory: WasmMemory,
  layout: EncoderRoom,
): PageEncoder {
  const { pageSize } = layout;
  const context = new binding.CCtx();
  const bytes = new Uint8Array(memory.buffer);
  const viewsAt = (length: number) => {
    const views = new Map<number, Uint8Array>();
    return (start: number): Uint8Array => {
      const known = views.get(start);
      if (known !== undefined) return known;
      const view = bytes.subarray(start, start + length);
      views.set(start, view);
      return view;
    };
  };
  const pageAt = viewsAt(pageSize);
  const resultAt = viewsAt(binding.compressBound(pageSize));
  return {
    flag,
    encode(source, target, scratch) {
      const n = context.compress(resultAt(scratch), pageAt(source), level);
      if (n >= pageSize) return 0;
      bytes.copyWithin(target, scratch, scratch + n);
      return n;
    },
  };
}
