import { CODEC_LEVELS, CODEC_NAMES } from "../../codec/codecs.js";
import { COMPRESSING, ROW } from "./option.js";

const { choice, flag, number } = ROW;

/** Formats whose pages are not compressed. */
const PLAIN = ["elf", "format=elf", "format=lime", "format=raw"];

/** Beside these, codecs of a configuration file have no effect; on the command line they are an error. */
const UNUSED = { idle: [{ only: "file", beside: PLAIN }] } as const;

/** Codecs without levels. */
const LEVELLESS = ["lzo", "snappy", "compress=lzo", "compress=snappy", "compress=none"];

/** Options about the compression of pages. */
export const CODEC_OPTIONS = [
  flag("zlib", COMPRESSING, "with zlib (the default): every reader opens it", {
    letter: "c",
    same: "codec",
    ...UNUSED,
    common: true,
    long: "Compress each page with zlib: every reader opens it",
  }),
  flag("lzo", COMPRESSING, "with LZO: fast", {
    letter: "l",
    same: "codec",
    ...UNUSED,
    common: true,
    long: "With LZO: fast",
  }),
  flag("snappy", COMPRESSING, "with snappy: fast", {
    letter: "p",
    same: "codec",
    ...UNUSED,
    common: true,
    long: "With snappy: fast",
  }),
  flag("zstd", COMPRESSING, "with zstd: small; older readers do not open it", {
    letter: "z",
    same: "codec",
    ...UNUSED,
    common: true,
    long: "With zstd: small; older readers do not open it",
  }),
  choice("compress", CODEC_NAMES, COMPRESSING, "the same by name: none, zlib, lzo, snappy, zstd", {
    same: "codec",
    ...UNUSED,
    long: "The same by name: `none`, `zlib`, `lzo`, `snappy`, `zstd`. Default: `zlib`; for `-E` and packed outputs `none`",
  }),
  number(
    "compression-level",
    [CODEC_LEVELS.zlib.min, CODEC_LEVELS.zstd.max],
    COMPRESSING,
    "zlib 1 to 9, zstd 1 to 19 (default: 1)",
    {
      long: "zlib 1 to 9, zstd 1 to 19. Default: 1. Higher levels cost far more time than they save bytes",
      cure: "Levels are 1 to 9 for zlib, 1 to 19 for zstd",
      idle: [
        { only: "file", beside: [...PLAIN, ...LEVELLESS] },
        { only: "file", output: ["packed"], without: ["zlib", "zstd", "compress"] },
      ],
    },
  ),
  flag("dedupe", ["filter", "split", "handover"], "store pages of equal content once", {
    ...UNUSED,
    long: "Store pages of equal content once. Every reader opens that. Not with `-E`.",
    see: "See [below](#equal-pages)",
  }),
] as const;
