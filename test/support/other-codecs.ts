/** The page codecs of kdump-compressed files, for the tests' own reader: by libraries, or (LZO) written once more. */
import { createRequire } from "node:module";
import { inflateSync } from "node:zlib";
import { uncompressSync } from "snappy";
import { decodeLzo } from "./other-lzo.js";

/** The flag of a page descriptor for each codec; 0 is raw. */
export const pageFlag = { none: 0, zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const;

/** Decodes a stored page; a page that does not come out at exactly `pageSize` bytes is an error. */
export function decodePage(stored: Buffer, flags: number, pageSize: number): Buffer {
  const page = decode(stored, flags, pageSize);
  if (page.length !== pageSize) {
    throw new Error(`a page (flags ${flags}) decodes to ${page.length} bytes and not to ${pageSize}`);
  }
  return page;
}

function decode(stored: Buffer, flags: number, pageSize: number): Buffer {
  switch (flags) {
    case pageFlag.none:
      return stored;
    case pageFlag.zlib:
      return inflateSync(stored);
    case pageFlag.lzo:
      return decodeLzo(stored, pageSize);
    case pageFlag.snappy:
      return Buffer.from(uncompressSync(stored));
    case pageFlag.zstd:
      return zstd().decompress(stored);
    default:
      throw new Error(`a page has flags ${flags}, which no codec has`);
  }
}

/** zstd-napi is an optional dependency: where it could not be installed, only tests that meet a zstd page fail. */
function zstd(): typeof import("zstd-napi") {
  return createRequire(import.meta.url)("zstd-napi") as typeof import("zstd-napi");
}
