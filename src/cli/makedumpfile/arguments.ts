import type { CodecName } from "../../codec/codecs.js";
import { getoptLong } from "./getopt.js";
import { ALL_MESSAGES, DEBUG, type Messages, REPORT, STANDARD_MESSAGES } from "./messages.js";
import { MAKEDUMPFILE_OPTIONS, type MakedumpfileOption, optionName } from "./option-table.js";

/** What to do. If several modes are requested, makedumpfile prefers them in this order. */
export type Mode = "help" | "version" | "rearrange" | "reassemble" | "dmesg" | "mem-usage" | "split" | "create";

/** A valid command line. */
export interface MakedumpfileRequest {
  readonly mode: Mode;
  /** Files in their order; docs/makedumpfile-options.md describes the forms. */
  readonly files: readonly string[];
  /** Whether only the command line is to be checked. */
  readonly checkOnly: boolean;
  readonly levels: readonly number[];
  readonly codec: CodecName;
  readonly elf: boolean;
  /** Whether struct pages of dropped pages are dropped, too. */
  readonly unusedVmemmap: boolean;
  readonly force: boolean;
  readonly flattened: boolean;
  readonly dryRun: boolean;
  readonly sinceClear: boolean;
  readonly sizeLimit: number | undefined;
  /** 0 if the option is absent. */
  readonly threads: number;
  readonly vmlinux: string | undefined;
  readonly vmcoreinfo: string | undefined;
  readonly config: string | undefined;
  readonly vtop: bigint | undefined;
}

/** What was parsed, valid or not. */
interface Given {
  /** Options by name, with the last value of each. */
  readonly options: ReadonlyMap<string, string>;
  readonly files: readonly string[];
  readonly levels: readonly number[];
  readonly codec: CodecName;
}

interface ParseResult {
  /** `undefined` after an error, which has been printed then. */
  readonly request: MakedumpfileRequest | undefined;
  readonly checkOnly: boolean;
}

const CODECS: Readonly<Record<string, CodecName>> = { "-c": "zlib", "-l": "lzo", "-p": "snappy", "-z": "zstd" };

/** Parses and checks the command line, and prints what is wrong with it, in makedumpfile's words and to its streams. */
export function parseMakedumpfile(argv: readonly string[], program: string, messages: Messages): ParseResult {
  const options = new Map<string, string>();
  const files: string[] = [];
  let levels: readonly number[] = [0];
  let codec: CodecName = "none";
  let wrong = false;
  for (const word of getoptLong(argv, MAKEDUMPFILE_OPTIONS)) {
    if (word.kind === "file") files.push(word.name);
    else if (word.kind === "mistake") {
      messages.always(`${program}: ${word.message}`);
      sayInvalid(program, messages);
      wrong = true;
    } else {
      const name = optionName(word.spec);
      options.set(name, word.value);
      codec = CODECS[name] ?? codec;
      if (name === "-F") messages.flattened = true;
      if (name === "-D") messages.level |= DEBUG;
      if (name === "--show-stats") messages.level |= REPORT;
      if (name === "-d")
        levels = word.value
          .split(",")
          .filter((one, i) => one !== "" || i === 0)
          .map(leadingNumber);
      const mistake = wrongValue(name, word.value, levels);
      if (mistake !== undefined) {
        messages.common(mistake);
        wrong = true;
      } else if (name === "--message-level" && !options.has("--check-params")) {
        messages.level = leadingNumber(word.value);
      }
      // This option always prints its findings.
      if (name === "--check-params") messages.level = STANDARD_MESSAGES;
    }
    if (wrong) break;
  }
  const checkOnly = options.has("--check-params");
  if (wrong) return { request: undefined, checkOnly };
  const given: Given = { options, files, levels, codec };
  const mode = modeOf(given);
  if (mode !== "help" && mode !== "version" && !isRight(given, mode, program, messages)) {
    return { request: undefined, checkOnly };
  }
  return { request: request(given, mode, checkOnly), checkOnly };
}

/** The two lines that makedumpfile prints for any mistake. */
function sayInvalid(program: string, messages: Messages): void {
  messages.common("Commandline parameter is invalid.", `Try \`${program} --help' for more information.`);
}

function wrongValue(name: string, value: string, levels: readonly number[]): string | undefined {
  if (name === "-d") {
    const bad = levels.find((level) => level < 0 || level > 31);
    return bad === undefined ? undefined : `Dump_level(${bad}) is invalid.`;
  }
  if (name === "-L" && limitSize(value) === undefined) return `Limit size(${value}) is invalid.`;
  if (name !== "--message-level") return undefined;
  const level = leadingNumber(value);
  return level < 0 || level > ALL_MESSAGES ? `Message_level(${level}) is invalid.` : undefined;
}

function modeOf({ options }: Given): Mode {
  if (options.has("-h")) return "help";
  if (options.has("-v")) return "version";
  if (options.has("-R")) return "rearrange";
  if (options.has("--reassemble")) return "reassemble";
  if (options.has("--dump-dmesg")) return "dmesg";
  if (options.has("--mem-usage")) return "mem-usage";
  return options.has("--split") ? "split" : "create";
}

/** Whether the options fit each other and the number of files; if not, prints why. */
function isRight(given: Given, mode: Mode, program: string, messages: Messages): boolean {
  const unserved = MAKEDUMPFILE_OPTIONS.find(
    (option): option is MakedumpfileOption & { refused: string } =>
      option.refused !== undefined && given.options.has(optionName(option)),
  );
  const hint = unserved === undefined ? hintOf(given, mode) : notServed(optionName(unserved), unserved.refused);
  if (hint !== undefined) messages.common(hint);
  const joins = mode === "rearrange" || mode === "reassemble";
  const right = hint === undefined && (joins ? fitsJoining(given, mode) : fitsCreating(given, mode));
  if (!right) sayInvalid(program, messages);
  return right;
}

/** The message for an option that is not served. */
function notServed(name: string, why: string): string {
  return `'${name}' option is not served by coresieve-makedumpfile: ${why}.`;
}

/**
 * The combinations for which makedumpfile 1.7.2 has its own messages. If there are two mistakes, the one to report was
 * found by trying all pairs of options with makedumpfile.
 */
function hintOf(given: Given, mode: Mode): string | undefined {
  const { options, files } = given;
  const has = (name: string) => options.has(name);
  if (mode === "rearrange") return undefined;
  if (mode === "reassemble") {
    return has("--dry-run") && fitsJoining(given, mode) ? "--dry-run cannot be used with --reassemble." : undefined;
  }
  if (has("--dry-run") && mode === "dmesg") return "--dry-run cannot be used with --dump-dmesg.";
  if (!optionsFit(given, mode)) return undefined;
  if (has("--split") && !has("-F")) {
    if (has("--num-threads")) return "--num-threads cannot used with --split.";
    if (has("-E") && files.length > 2) return "Options for splitting dumpfile cannot be used with Elf format.";
  } else if (has("-E") && has("--num-threads")) return "--num-threads cannot used with ELF format.";
  return undefined;
}

/** -R and --reassemble copy dumps unchanged, so options that choose something are refused. */
function fitsJoining({ options, files, levels, codec }: Given, mode: Mode): boolean {
  const choices = ["-E", "-x", "-i", "-F", ...(mode === "reassemble" ? ["--split"] : [])];
  if (codec !== "none" || (levels[0] as number) > 0 || choices.some((name) => options.has(name))) return false;
  return mode === "rearrange" ? files.length === 1 : files.length > 0;
}

function fitsCreating(given: Given, mode: Mode): boolean {
  return optionsFit(given, mode) && filesFit(given);
}

function optionsFit({ options, codec }: Given, mode: Mode): boolean {
  const has = (name: string) => options.has(name);
  if (has("-E") && codec !== "none") return false;
  if (has("-x") && has("-i")) return false;
  if (has("--config") && !has("-x")) return false;
  return !has("--partial-dmesg") || mode === "dmesg";
}

function filesFit({ options, files }: Given): boolean {
  const has = (name: string) => options.has(name);
  if (files.length === 1) return has("-F") ? !has("--split") : has("--mem-usage");
  if (has("-F")) return false;
  return has("--split") ? files.length > 2 : files.length === 2;
}

function request({ options, files, levels, codec }: Given, mode: Mode, checkOnly: boolean): MakedumpfileRequest {
  const number = (name: string) => Math.max(0, leadingNumber(options.get(name) ?? ""));
  const vtop = options.get("--vtop");
  const limit = options.get("-L");
  return {
    ...{ mode, files, checkOnly, levels, codec },
    elf: options.has("-E"),
    unusedVmemmap: options.has("-e"),
    force: options.has("-f"),
    flattened: options.has("-F"),
    dryRun: options.has("--dry-run"),
    sinceClear: options.has("--partial-dmesg"),
    sizeLimit: limit === undefined ? undefined : limitSize(limit),
    threads: number("--num-threads"),
    vmlinux: options.get("-x"),
    vmcoreinfo: options.get("-i"),
    config: options.get("--config"),
    vtop: vtop === undefined ? undefined : (unsignedNumber(vtop) ?? 0n),
  };
}

/** C's atoi: the decimal number at the beginning of a text, or 0. makedumpfile parses most values with it. */
function leadingNumber(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

/** C's strtoull in any base: 0x… hexadecimal, 0… octal, else decimal. `undefined` for anything else. */
function unsignedNumber(text: string): bigint | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

const UNITS = "KMGTPE";

/** -L's size in bytes, with an optional suffix K to E for powers of 1024; `undefined` if it is invalid or 0. */
function limitSize(text: string): number | undefined {
  const unit = UNITS.indexOf(text.slice(-1).toUpperCase() || "-");
  const number = unsignedNumber(unit === -1 ? text : text.slice(0, -1));
  const size = number === undefined ? 0 : Number(number) * 1024 ** (unit + 1);
  return size > 0 && Number.isSafeInteger(size) ? size : undefined;
}
