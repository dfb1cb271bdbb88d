import { CODEC_NAMES, codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { FilterOptions } from "./filter-types.js";

const FORMATS = ["kdump", "elf"];
const ON_FULL = ["nothing", "incomplete"];
const OUTPUTS = ["path", "paths", "stream", "discard"];

/**
 * Refuses what TypeScript does not let through, for callers without it: an unknown codec would be a dump that is not compressed, an unknown
 * format an ELF dump. Nothing was read yet. Throws `BAD_OPTION`.
 */
export function checkValues(options: FilterOptions): void {
  const output: unknown = options.output;
  if (typeof output !== "object" || output === null || !OUTPUTS.some((kind) => kind in output)) {
    throw new DumpError("BAD_OPTION", "the option output names no place to write to", {
      cure: `Give an object with one of ${OUTPUTS.join(", ")}`,
    });
  }
  checkOneOf("format", options.format, FORMATS);
  checkOneOf("onFull", options.onFull ?? "nothing", ON_FULL);
  checkOneOf("codec.name", (options.codec as Partial<FilterOptions["codec"]> | undefined)?.name, CODEC_NAMES);
  codecOf(options.codec.name, options.codec.level);
}

function checkOneOf(option: string, value: unknown, names: readonly string[]): void {
  if (typeof value === "string" && names.includes(value)) return;
  const said = typeof value === "string" ? `"${value}"` : String(value);
  throw new DumpError("BAD_OPTION", `the option ${option} is ${said}`, { cure: `Give one of ${names.join(", ")}` });
}
