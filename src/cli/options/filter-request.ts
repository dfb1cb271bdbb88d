import { CODEC_NAMES, type Codec, type CodecName, codecOf } from "../../codec/codecs.js";
import { DumpError } from "../../errors.js";
import { levelOfNames, MAX_LEVEL } from "../../filter/policy.js";
import type { Packing } from "../../reader/source/packed/packing.js";
import { checkTogether } from "../../run/check-options.js";
import { codecFor } from "../../run/check-values.js";
import type { FilterOptions } from "../../run/filter-types.js";
import { standardThreads } from "../../worker/threads.js";
import { packingOfOutput } from "../pack-option.js";
import type { OptionValues } from "./table.js";

/** The option values of a filter run, as far as the command has them, and the words that are not options. */
export type FilterArguments = { readonly files: readonly string[] } & {
  readonly [Name in keyof OptionValues<"filter">]?: OptionValues<"filter">[Name] | undefined;
};

/** Options of the library that the command line always gives. */
type Given = Required<
  Pick<
    FilterOptions,
    | ("level" | "fallbackLevels" | "onFull" | "privacy" | "privacyExtra" | "privacyKeep" | "dedupe")
    | ("excludeUnusedVmemmap" | "format")
  >
>;

/** The request of the options. */
export interface FilterRequest extends Given {
  readonly inputs: readonly string[];
  /** `undefined` for stdout. */
  readonly output: string | undefined;
  readonly flatten: boolean;
  readonly pack: Packing | undefined;
  readonly sizeLimit: number | undefined;
  readonly codec: Codec;
  readonly workers: number;
}

/** Checks the combination of options. Throws `BAD_OPTION`. */
export function filterRequest(args: FilterArguments): FilterRequest {
  const files = [...args.files];
  const last = args.flatten ? undefined : files.pop();
  const output = last === "-" ? undefined : last;
  if (files.length === 0) {
    throw new DumpError("BAD_OPTION", args.flatten ? "no dump was named" : "a dump and an output must be named", {
      cure: args.flatten
        ? "Write `coresieve -F DUMP > OUT`"
        : "`coresieve DUMP OUT` shrinks a dump, `coresieve info DUMP` says what it is; `coresieve --help` lists the rest",
    });
  }
  const pack = packingOfOutput(output, args.pack);
  const format = args.format ?? (args.elf ? "elf" : "kdump");
  const request: FilterRequest = {
    inputs: files,
    output,
    flatten: args.flatten ?? false,
    pack,
    ...chosenLevels(args),
    sizeLimit: args.sizeLimit,
    onFull: chosenOnFull(args, output),
    privacy: args.privacyStrict ? "strict" : (args.privacy ?? false),
    privacyExtra: args.privacyExtra ?? [],
    privacyKeep: args.privacyKeep ?? [],
    codec: chosenCodec(args, codecFor(format, undefined, pack !== undefined).name),
    dedupe: args.dedupe ?? false,
    excludeUnusedVmemmap: args.excludeUnusedVmemmap ?? false,
    format,
    workers: args.numThreads ?? standardThreads(),
  };
  checkTogether(request);
  return request;
}

/** The alternatives of a group are not combined (effects.ts). */
function chosenLevels({ level, exclude }: FilterArguments): { level: number; fallbackLevels: readonly number[] } {
  if (exclude !== undefined) return { level: levelOfNames(exclude), fallbackLevels: [] };
  const [first = MAX_LEVEL, ...fallbackLevels] = level ?? [];
  return { level: first, fallbackLevels };
}

function chosenOnFull({ onFull = "nothing" }: FilterArguments, output: string | undefined): "nothing" | "incomplete" {
  if (onFull === "incomplete" && output === undefined) {
    throw new DumpError(
      "BAD_OPTION",
      "an output on stdout cannot be marked incomplete, because its headers are sent already",
      {
        cure: "Name an OUT, or leave out --on-full: without its end marker a flattened stream is known to be cut off",
      },
    );
  }
  return onFull;
}

/** The codec of the options; `unasked` without such an option. */
function chosenCodec(args: FilterArguments, unasked: CodecName): Codec {
  const chosen = args.compress ?? CODEC_NAMES.find((name) => name !== "none" && args[name]) ?? unasked;
  const level = args.compressionLevel;
  if (level !== undefined && chosen === "none") {
    throw new DumpError("BAD_OPTION", `--compression-level ${level}, but no codec`, {
      cure: "Name one that has levels: -c (zlib, 1 to 9) or -z (zstd, 1 to 19)",
    });
  }
  return codecOf(chosen, level);
}
