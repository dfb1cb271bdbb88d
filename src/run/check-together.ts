import { DumpError } from "../errors.js";
import { checkPrivateLevel } from "../filter/privacy/private-run.js";
import { privacyExtras } from "../filter/privacy/scrub.js";
import type { FilterOptions } from "./filter-types.js";

/** Options that say nothing of files: the command line checks them before it opens one. */
type Together = Pick<
  FilterOptions,
  "format" | "codec" | "dedupe" | "privacy" | "privacyExtra" | "level" | "fallbackLevels"
>;

/** Throws `BAD_OPTION` for options that do not go together whatever the dump is. */
export function checkTogether(options: Together): void {
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
  if (options.privacy) for (const level of [options.level, ...(options.fallbackLevels ?? [])]) checkPrivateLevel(level);
  if (options.privacyExtra?.length && privacyExtras(options.privacyExtra).length > 0 && !options.privacy) {
    throw new DumpError("BAD_OPTION", "--privacy-extra goes beyond --privacy, which was not asked for", {
      cure: "Add --privacy",
    });
  }
}
