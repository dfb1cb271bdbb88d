/** The runs that calls go wrong in: every input format, codec, output and command that writes. */
import type { InputFormat } from "../inputs.js";

export interface Scenario {
  readonly name: string;
  readonly input: InputFormat;
  /** Words of the command line; IN stands for the input files, TO for the folder of the outputs. */
  readonly words: readonly string[];
  /** Files that the run makes, below TO. */
  readonly outputs: readonly string[];
  /** The input comes through a pipe. */
  readonly piped?: boolean;
  /** Something is under the output's name before. */
  readonly old?: boolean;
  /** By plan, shards and finish, as jobs of a queue do it; a failed run is begun again. */
  readonly sharded?: boolean;
}

const THREADS = ["--num-threads", "1"];

function filter(name: string, input: InputFormat, ...options: readonly string[]): Scenario {
  return { name, input, words: ["IN", "TO/out", ...options, ...THREADS], outputs: ["out"] };
}

function packed(how: string, ...options: readonly string[]): Scenario {
  const words = ["IN", "TO/out", "--pack", how, ...options, ...THREADS];
  return { name: `packed with ${how}`, input: "kdump", words, outputs: ["out"] };
}

function piped(input: InputFormat, ...options: readonly string[]): Scenario {
  const words = ["-", "TO/out", ...options, ...THREADS];
  return { name: `from a pipe: ${input}`, input, words, outputs: ["out"], piped: true };
}

function beside(name: string, outputs: readonly string[], ...options: readonly string[]): Scenario {
  return { name, input: "elf", words: ["IN", "TO/out", ...options, ...THREADS], outputs: ["out", ...outputs] };
}

function sharded(name: string, input: InputFormat, ...words: readonly string[]): Scenario {
  return { name, input, words: ["IN", "TO/out", ...words], outputs: ["out"], sharded: true };
}

export const SCENARIOS: readonly Scenario[] = [
  filter("ELF to kdump", "elf", "-d", "31"),
  filter("kdump, raw pages, to zlib", "kdump-raw", "-d", "1", "-c"),
  filter("kdump zlib to LZO", "kdump", "-d", "31", "-l"),
  filter("kdump LZO to snappy", "kdump-lzo", "-d", "0", "-p"),
  filter("kdump snappy to zstd", "kdump-snappy", "-d", "1", "-z"),
  filter("kdump zstd, --dedupe", "kdump-zstd", "-d", "1", "-z", "--dedupe"),
  filter("ELF to ELF", "elf", "-d", "31", "-E"),
  filter("kdump to ELF, --sync", "kdump", "-d", "1", "-E", "--sync"),
  filter("flattened to kdump, --sync", "flattened", "-d", "31", "-l", "--sync"),
  filter("ELF to LiME", "elf", "-d", "1", "--format", "lime"),
  filter("kdump to bare memory", "kdump", "-d", "1", "--format", "raw"),
  filter("ELF in a tar archive", "elf.tar.gz", "-d", "31", "-l"),
  filter("a split set", "split", "-d", "1", "-l"),
  filter("LiME", "lime", "-d", "1", "-c"),
  filter("AVML", "avml", "-d", "0", "-l"),
  filter("ELF in gzip", "elf.gz", "-d", "31", "-l"),
  filter("kdump in zstd", "kdump.zst", "-d", "31", "-E"),
  filter("flattened in LZ4", "flat.lz4", "-d", "1", "-c"),
  packed("gzip", "-d", "31", "-l"),
  packed("zstd", "-d", "1", "-E"),
  packed("lz4", "-d", "31"),
  piped("elf", "-d", "31", "-l"),
  piped("flattened", "-d", "1", "-c"),
  piped("kdump.zst", "-d", "31", "-E"),
  { name: "flattened to stdout", input: "elf", words: ["-F", "IN", "-d", "31", "-l", ...THREADS], outputs: [] },
  {
    ...{ name: "flattened and packed to stdout", input: "elf", outputs: [] },
    words: ["-F", "IN", "-d", "31", "-l", "--pack", "zstd", ...THREADS],
  },
  { name: "kdump to stdout", input: "kdump", words: ["IN", "-", "-d", "31", "-c", ...THREADS], outputs: [] },
  beside("with a manifest", ["m.json"], "-d", "31", "-l", "--manifest", "TO/m.json"),
  beside("with a report", ["r.html"], "-d", "31", "-c", "--report", "TO/r.html"),
  beside("ELF, manifest, report", ["m.json", "r.html"], "-E", "--manifest", "TO/m.json", "--report", "TO/r.html"),
  { ...filter("over an old file", "elf", "-d", "31", "-l", "-f"), old: true },
  { ...packed("zstd", "-d", "31", "-l", "-f"), name: "packed, over an old file", old: true },
  {
    ...{ name: "split into two", input: "elf", words: ["split", "IN", "TO/out", "TO/out2", "-l", ...THREADS] },
    outputs: ["out", "out2"],
  },
  {
    ...{ name: "handed over", input: "sample", words: ["handover", "IN", "TO/out", "-l", ...THREADS] },
    outputs: ["out", "out.json", "out.audit.json", "out.html"],
  },
  { name: "reassembled", input: "split", words: ["reassemble", "IN", "TO/out"], outputs: ["out"] },
  { name: "rearranged", input: "flattened", words: ["rearrange", "IN", "TO/out"], outputs: ["out"] },
  { name: "a report alone", input: "elf", words: ["report", "IN", "--output", "TO/r.html"], outputs: ["r.html"] },
  { name: "VMCOREINFO alone", input: "elf", words: ["IN", "-g", "TO/out"], outputs: ["out"] },
  sharded("kdump in three shards", "elf", "kdump", "lzo", "3"),
  sharded("kdump in zlib, two shards", "kdump", "kdump", "zlib", "2"),
  sharded("ELF in three shards", "kdump", "elf", "none", "3"),
];
