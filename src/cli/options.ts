import { CODEC_NAMES, type Codec, type CodecName, codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { levelOfNames, MAX_LEVEL } from "../filter/policy.js";
import { type PrivacyExtra, privacyExtras } from "../filter/privacy/scrub.js";
import type { Packing } from "../reader/source/packed/packing.js";
import { checkTogether } from "../run/check-together.js";
import { MAX_THREADS, standardThreads } from "../worker/threads.js";
import { FLAG, VALUE } from "./command.js";
import { packingOfOutput } from "./pack-option.js";

/** How pages are compressed, for commands that write dumps. */
export const CODEC_OPTIONS = {
  zlib: { ...FLAG, alias: "c" },
  lzo: { ...FLAG, alias: "l" },
  snappy: { ...FLAG, alias: "p" },
  zstd: { ...FLAG, alias: "z" },
  compress: VALUE,
  "compression-level": VALUE,
} as const;

/** The values of the filter command's options, as yargs gives them. */
export interface FilterArguments {
  readonly files: readonly string[];
  readonly level: string | undefined;
  readonly exclude: string | undefined;
  readonly privacy: boolean;
  readonly privacyExtra: string | undefined;
  readonly zlib: boolean;
  readonly lzo: boolean;
  readonly snappy: boolean;
  readonly zstd: boolean;
  readonly compress: string | undefined;
  readonly compressionLevel: string | undefined;
  readonly elf: boolean;
  readonly dedupe: boolean;
  readonly flatten: boolean;
  readonly force: boolean;
  readonly numThreads: string | undefined;
  readonly sizeLimit: string | undefined;
  readonly onFull: string | undefined;
  readonly pack: string | undefined;
}

/** What the options ask for. */
export interface FilterRequest {
  readonly inputs: readonly string[];
  /** `undefined`: stdout. */
  readonly output: string | undefined;
  readonly flatten: boolean;
  readonly pack: Packing | undefined;
  readonly level: number;
  /** Levels to take when the output has no room at that one. */
  readonly fallbackLevels: readonly number[];
  readonly sizeLimit: number | undefined;
  readonly onFull: "nothing" | "incomplete";
  readonly privacy: boolean;
  readonly privacyExtra: readonly PrivacyExtra[];
  readonly codec: Codec;
  readonly dedupe: boolean;
  readonly format: "kdump" | "elf";
  readonly workers: number;
}

/** Checks the options together. Throws `BAD_OPTION`. */
export function filterRequest(args: FilterArguments): FilterRequest {
  const files = [...args.files];
  const last = args.flatten ? undefined : files.pop();
  const output = last === "-" ? undefined : last;
  if (files.length === 0) {
    throw new DumpError("BAD_OPTION", args.flatten ? "no dump was named" : "a dump and an output must be named", {
      cure: args.flatten
        ? "Write `coresieve -F DUMP > OUT`"
        : "Write `coresieve DUMP OUT`; `coresieve --help` lists the options",
    });
  }
  const workers = Number(args.numThreads ?? standardThreads());
  if (!Number.isInteger(workers) || workers < 1 || workers > MAX_THREADS) {
    throw new DumpError("BAD_OPTION", `--num-threads ${args.numThreads}: no whole number from 1 to ${MAX_THREADS}`, {
      cure: "One thread per processor core is best, and what is taken when nothing is said",
    });
  }
  const request: FilterRequest = {
    inputs: files,
    output,
    flatten: args.flatten,
    pack: packingOfOutput(output, args.pack),
    ...chosenLevels(args),
    sizeLimit: args.sizeLimit === undefined ? undefined : sizeOf("-L", args.sizeLimit),
    onFull: chosenOnFull(args, output),
    privacy: args.privacy,
    privacyExtra: args.privacyExtra ? privacyExtras(args.privacyExtra.split(",").filter((name) => name !== "")) : [],
    codec: chosenCodec(args),
    dedupe: args.dedupe,
    format: args.elf ? "elf" : "kdump",
    workers,
  };
  checkTogether(request);
  return request;
}

function chosenLevels({ level, exclude }: FilterArguments): { level: number; fallbackLevels: readonly number[] } {
  if (level !== undefined && exclude !== undefined) {
    throw new DumpError("BAD_OPTION", "-d and --exclude say the same in two ways", { cure: "Use one of them" });
  }
  if (exclude !== undefined) {
    return { level: levelOfNames(exclude.split(",").filter((name) => name !== "")), fallbackLevels: [] };
  }
  const [first, ...fallbackLevels] = (level ?? `${MAX_LEVEL}`).split(",").map(oneLevel);
  return { level: first as number, fallbackLevels };
}

function oneLevel(level: string): number {
  if (!/^\d+$/.test(level) || Number(level) > MAX_LEVEL) {
    throw new DumpError("BAD_OPTION", `-d ${level}: no whole number from 0 to ${MAX_LEVEL}`, {
      cure: "Add up: 1 zero pages, 2 page cache, 4 page cache with private data, 8 user memory, 16 free pages",
    });
  }
  return Number(level);
}

function chosenOnFull({ onFull = "nothing" }: FilterArguments, output: string | undefined): "nothing" | "incomplete" {
  if (onFull !== "nothing" && onFull !== "incomplete") {
    throw new DumpError("BAD_OPTION", `--on-full ${onFull}: there is no such choice`, {
      cure: "Write nothing (leave no file) or incomplete (leave a dump marked incomplete)",
    });
  }
  if (onFull === "incomplete" && output === undefined) {
    throw new DumpError("BAD_OPTION", "what was sent to stdout already cannot be marked incomplete", {
      cure: "Name an OUT, or leave --on-full away: without its end marker a flattened stream is known to be cut off",
    });
  }
  return onFull;
}

const SIZE_UNITS = "KMGTPE";

/** A size in bytes, decimal or 0x, also with K, M, G, T, P or E (powers of 1024), as makedumpfile takes it. */
export function sizeOf(option: string, text: string): number {
  const [, digits = "", unit = ""] = /^(0x[0-9a-f]+|\d+)([kmgtpe]?)$/i.exec(text) ?? [];
  const size =
    digits === "" ? Number.NaN : Number(digits) * 1024 ** (SIZE_UNITS.indexOf(unit.toUpperCase() || " ") + 1);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new DumpError("BAD_OPTION", `${option} ${text}: no size`, { cure: "Write a number of bytes, or 500M, 2G" });
}

function chosenCodec(args: FilterArguments): Codec {
  const chosen = CODEC_NAMES.filter((name) => name !== "none" && args[name]);
  if (args.compress !== undefined) chosen.push(codecNamed(args.compress));
  if (chosen.length > 1) {
    throw new DumpError("BAD_OPTION", `more than one codec was named: ${chosen.join(", ")}`, { cure: "Choose one" });
  }
  const level = args.compressionLevel;
  if (level !== undefined && (chosen[0] ?? "none") === "none") {
    throw new DumpError("BAD_OPTION", `--compression-level ${level}, but no codec`, {
      cure: "Name one that has levels: -c (zlib, 1 to 9) or -z (zstd, 1 to 19)",
    });
  }
  if (level !== undefined && !/^\d+$/.test(level)) {
    throw new DumpError("BAD_OPTION", `--compression-level ${level}: no whole number`, {
      cure: "Levels are 1 to 9 for zlib, 1 to 19 for zstd",
    });
  }
  return codecOf(chosen[0] ?? "none", level === undefined ? undefined : Number(level));
}

function codecNamed(name: string): CodecName {
  const found = CODEC_NAMES.find((known) => known === name);
  if (found === undefined) {
    throw new DumpError("BAD_OPTION", `${JSON.stringify(name)} is no codec`, {
      cure: `Codecs are ${CODEC_NAMES.join(", ")}`,
    });
  }
  return found;
}
