import { DumpError } from "../errors.js";
import { aNumber, anyOf, checkArgument, maybe } from "../option-shape.js";
import { COMPRESSED_LZO, COMPRESSED_SNAPPY, COMPRESSED_ZLIB, COMPRESSED_ZSTD } from "./flags.js";

/** How each page is compressed. */
export type CodecName = "none" | "zlib" | "lzo" | "snappy" | "zstd";

/** All codecs. zstd needs an optional package, or a Node that contains it. */
export const CODEC_NAMES = ["none", "zlib", "lzo", "snappy", "zstd"] as const satisfies readonly CodecName[];

/** A codec with its settings. */
export interface Codec {
  readonly name: CodecName;
  /** Compression level; `undefined` for codecs that have none. */
  readonly level: number | undefined;
}

/** Page descriptor flag (and header status bit) of each codec. */
export const CODEC_FLAGS: Readonly<Record<CodecName, number>> = {
  none: 0,
  zlib: COMPRESSED_ZLIB,
  lzo: COMPRESSED_LZO,
  snappy: COMPRESSED_SNAPPY,
  zstd: COMPRESSED_ZSTD,
};

/** Levels by codec: the lowest, the highest, and the default, which is makedumpfile's. */
export const CODEC_LEVELS = {
  zlib: { min: 1, max: 9, standard: 1 },
  zstd: { min: 1, max: 19, standard: 1 },
} as const;

/** A codec by name and, for zlib and zstd, a level. Throws `BAD_OPTION`. */
export function codecOf(name: CodecName, level?: number): Codec {
  checkArgument("name", name, anyOf(...CODEC_NAMES));
  checkArgument("level", level, maybe(aNumber));
  if (name !== "zlib" && name !== "zstd") {
    if (level !== undefined) {
      throw new DumpError("BAD_OPTION", `a compression level was given, but ${name} has none`, {
        cure: "Levels are for zlib (1 to 9) and zstd (1 to 19)",
      });
    }
    return { name, level: undefined };
  }
  const { min, max, standard } = CODEC_LEVELS[name];
  if (level !== undefined && (!Number.isInteger(level) || level < min || level > max)) {
    throw new DumpError("BAD_OPTION", `compression level ${level}; ${name} has ${min} to ${max}`, {
      cure: "Low levels are fast, high ones make smaller dumps",
    });
  }
  return { name, level: level ?? standard };
}
