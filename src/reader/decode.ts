import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import { DumpError } from "../errors.js";
import { COMPRESSED_LZO, COMPRESSED_SNAPPY, COMPRESSED_ZLIB, COMPRESSED_ZSTD } from "./kdump/layout.js";
import { createKernelMemory, type DecodeKernel, loadKernel } from "./kernels/load.js";

/** Decodes one page: fills all of `into`. Returns the number of bytes decoded, or -1 for data that are no valid stream. */
export type PageDecoder = (data: Uint8Array, into: Uint8Array) => number;

/** Pages are 256 KiB at most; a compressed one is smaller than the page. */
const MAX_PAGE = 256 * 1024;

/**
 * The decoder for a page descriptor's flags. Made when first asked for, once per thread. Throws `CODEC_MISSING` when
 * zstd is in neither this Node nor installed, and `CORRUPT` for flags that no writer uses.
 */
export function pageDecoder(flags: number, file: string): PageDecoder {
  const known = cache.get(flags);
  if (known !== undefined) return known;
  const made = makeDecoder(flags, file);
  cache.set(flags, made);
  return made;
}

const cache = new Map<number, PageDecoder>();

function makeDecoder(flags: number, file: string): PageDecoder {
  switch (flags) {
    case 0:
      return (data, into) => {
        if (data.length !== into.length) return data.length;
        into.set(data);
        return data.length;
      };
    case COMPRESSED_ZLIB:
      return inflatePage;
    case COMPRESSED_LZO:
      return kernelDecoder("lzo");
    case COMPRESSED_SNAPPY:
      return kernelDecoder("snappy");
    case COMPRESSED_ZSTD:
      return zstdDecoder(file);
    default:
      throw new DumpError("CORRUPT", `a page descriptor with flags 0x${flags.toString(16)}`, {
        file,
        cure: "Known are 0 (raw), 1 (zlib), 2 (LZO), 4 (snappy), 0x20 (zstd): the descriptor is damaged",
      });
  }
}

function inflatePage(data: Uint8Array, into: Uint8Array): number {
  try {
    const page = zlib.inflateSync(data, { maxOutputLength: into.length + 1 });
    if (page.length !== into.length) return page.length;
    into.set(page);
    return page.length;
  } catch {
    return -1;
  }
}

function kernelDecoder(name: "lzo" | "snappy"): PageDecoder {
  const memory = createKernelMemory(2 * MAX_PAGE);
  const kernel: DecodeKernel = loadKernel(name, memory);
  const bytes = new Uint8Array(memory.buffer);
  return (data, into) => {
    bytes.set(data, 0);
    const n = kernel.decompress(0, data.length, MAX_PAGE, into.length);
    if (n === into.length) into.set(bytes.subarray(MAX_PAGE, MAX_PAGE + n));
    return n;
  };
}

/** The parts used of zstd-napi's binding and of the zlib of Node 22.15 and later, which Node 20's types do not have. */
interface ZstdBinding {
  readonly DCtx: new () => { decompress(into: Uint8Array, data: Uint8Array): number };
}
interface ZlibWithZstd {
  readonly zstdDecompressSync?: (data: Uint8Array, options: { maxOutputLength: number }) => Buffer;
}

function zstdDecoder(file: string): PageDecoder {
  try {
    const binding = createRequire(import.meta.url)("zstd-napi/binding.js") as ZstdBinding;
    const context = new binding.DCtx();
    return (data, into) => {
      try {
        return context.decompress(into, data);
      } catch {
        return -1;
      }
    };
  } catch {
    // Not installed: an optional dependency. Newer Node has zstd of its own.
  }
  const { zstdDecompressSync } = zlib as ZlibWithZstd;
  if (zstdDecompressSync === undefined) {
    throw new DumpError("CODEC_MISSING", "has pages compressed with zstd, and zstd is not installed here", {
      file,
      cure: "Run `npm install zstd-napi`, or use Node 22.15 or later, which contains zstd",
    });
  }
  return (data, into) => {
    try {
      const page = zstdDecompressSync(data, { maxOutputLength: into.length + 1 });
      if (page.length === into.length) into.set(page);
      return page.length;
    } catch {
      return -1;
    }
  };
}
