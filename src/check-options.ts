import { resolve } from "node:path";
import { DumpError } from "./errors.js";
import { checkPrivateLevel } from "./filter/privacy/private-run.js";
import { privacyExtras } from "./filter/privacy/scrub.js";
import type { FilterOptions } from "./filter-types.js";
import { checkCodec } from "./worker/codec/encoder.js";

/** Throws `BAD_OPTION` for options of a filter run that do not go together, and `CODEC_MISSING`. */
export function checkOptions(options: FilterOptions): void {
  if (options.format === "elf" && options.codec.name !== "none") {
    throw new DumpError("BAD_OPTION", `ELF dumps cannot be compressed, but ${options.codec.name} was asked for`, {
      cure: "Leave -E away for a compressed dump, or the codec for an ELF dump",
    });
  }
  if (options.format === "elf" && options.dedupe === true) {
    throw new DumpError("BAD_OPTION", "ELF dumps cannot share equal pages, but --dedupe asks for it", {
      cure: "Leave -E or --dedupe away",
    });
  }
  if ("paths" in options.output) checkSplit(options.output.paths, options);
  if (options.privacy) checkPrivateLevel(options.level);
  if (privacyExtras(options.privacyExtra ?? []).length > 0 && !options.privacy) {
    throw new DumpError("BAD_OPTION", "--privacy-extra goes beyond --privacy, which was not asked for", {
      cure: "Add --privacy",
    });
  }
  checkCodec(options.codec);
}

/** What a split set cannot have. */
function checkSplit(paths: readonly string[], { format, dedupe, onFull }: FilterOptions): void {
  const problem =
    paths.length < 2
      ? "a split set has two files at least"
      : new Set(paths.map((path) => resolve(path))).size < paths.length
        ? "two files of the split set have the same name"
        : format !== "kdump"
          ? "an ELF dump cannot be split"
          : dedupe === true
            ? "files of a split set cannot share equal pages"
            : onFull === "incomplete"
              ? "a split set cannot be left incomplete"
              : undefined;
  if (problem !== undefined) {
    throw new DumpError("BAD_OPTION", problem, { cure: "Write `coresieve split DUMP OUT1 OUT2`" });
  }
}
