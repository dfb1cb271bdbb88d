import { codecOf } from "../codec/codecs.js";
import { checkCodec } from "../codec/encoder.js";
import { DumpError } from "../errors.js";
import { MAX_LEVEL, policyOfLevel } from "../filter/policy.js";
import { privacyExtras } from "../filter/privacy/privacy-names.js";
import { either, OPTION } from "../option-words.js";
import { isStorePath } from "../store/store-url.js";
import { outputFormatFacts } from "../writer/output-format.js";
import { sameOutput } from "../writer/output-path.js";
import { isHttpOutput } from "../writer/part-urls.js";
import type { WholeFilterOptions } from "./filter-types.js";

/** Options that do not depend on files: the command line checks them before it opens any. */
type Together = Pick<
  WholeFilterOptions,
  "format" | "codec" | "dedupe" | "privacy" | "privacyExtra" | "privacyKeep" | "level" | "fallbackLevels"
>;

/** Throws `BAD_OPTION` for options that can never be combined, whatever the dump is. */
export function checkTogether(options: Together): void {
  for (const level of [options.level, ...(options.fallbackLevels ?? [])]) policyOfLevel(level);
  codecOf(options.codec.name, options.codec.level);
  const { packsPages, plural, label } = outputFormatFacts(options.format);
  const how = options.format === "elf" ? OPTION.elf : OPTION.format;
  if (!packsPages && options.codec.name !== "none") {
    const article = label === "ELF" ? "an ELF dump" : label;
    throw new DumpError("BAD_OPTION", `${plural} cannot be compressed, but ${options.codec.name} was asked for`, {
      cure: `Leave out ${how} for a compressed dump, or the codec for ${article}`,
    });
  }
  if (!packsPages && options.dedupe === true) {
    throw new DumpError("BAD_OPTION", `${plural} cannot share equal pages, but ${OPTION.dedupe} asks for it`, {
      cure: `Leave out ${how} or ${OPTION.dedupe}`,
    });
  }
  if (options.privacy) for (const level of [options.level, ...(options.fallbackLevels ?? [])]) checkPrivateLevel(level);
  if (options.privacyExtra?.length && privacyExtras(options.privacyExtra).length > 0 && !options.privacy) {
    throw new DumpError("BAD_OPTION", `${OPTION.privacyExtra} goes beyond ${OPTION.privacy}, which was not asked for`, {
      cure: `Add ${OPTION.privacy}`,
    });
  }
  if (options.privacyKeep?.length && options.privacy !== "strict") {
    throw new DumpError("BAD_OPTION", `${OPTION.privacyKeep} is for ${OPTION.privacyStrict}, which was not asked for`, {
      cure: `Ask for ${OPTION.privacyStrict}, or leave out ${OPTION.privacyKeep}`,
    });
  }
}

/**
 * Throws `BAD_OPTION` for options of a filter run that cannot be combined, and `CODEC_MISSING`, before the dump is
 * read.
 */
export function checkOptions(options: WholeFilterOptions): void {
  checkTogether(options);
  if ("stream" in options.output && (options.fallbackLevels?.length || options.onFull === "incomplete")) {
    throw new DumpError("BAD_OPTION", "a stream that was sent cannot be written again with other options", {
      cure: `Name a file, or leave out the other levels and ${OPTION.onFull}`,
    });
  }
  const { holdsNotes, plural } = outputFormatFacts(options.format);
  if (!holdsNotes && options.onFull === "incomplete") {
    throw new DumpError("BAD_OPTION", `${plural} cannot be marked incomplete, so none is left behind`, {
      cure: `Leave out ${OPTION.onFullIncomplete}, or write kdump-compressed or ELF`,
    });
  }
  if (!holdsNotes && "stream" in options.output && !options.output.plain) {
    throw new DumpError("BAD_OPTION", `${plural} have no flattened form`, {
      cure: `Write them as they are: ${either("- as OUT", "`plain: true`")}`,
    });
  }
  if (options.onFull === "incomplete" && "pack" in options.output && options.output.pack !== undefined) {
    throw new DumpError(
      "BAD_OPTION",
      "a packed output cannot be left incomplete, because its headers are written already",
      {
        cure: `Leave out ${OPTION.onFullIncomplete}, or do not pack (${OPTION.packNone})`,
      },
    );
  }
  if (options.onFull === "incomplete" && "path" in options.output && isElsewhere(options.output.path)) {
    throw new DumpError(
      "BAD_OPTION",
      "an output in a store cannot be left incomplete, because what was sent cannot be written again",
      {
        file: options.output.path,
        cure: `Leave out ${OPTION.onFullIncomplete}, or write a file`,
      },
    );
  }
  if ("paths" in options.output) checkSplit(options.output.paths, options);
  checkCodec(options.codec);
}

/** Whether an output is sent to another host, where it cannot be rewritten like a file. */
function isElsewhere(path: string): boolean {
  return isStorePath(path) || isHttpOutput(path);
}

/** Options that a split set cannot have. */
function checkSplit(paths: readonly string[], { format, onFull }: WholeFilterOptions): void {
  const problem =
    paths.length < 2
      ? "a split set has two files at least"
      : paths.some((path, i) => paths.slice(0, i).some((other) => sameOutput(path, other)))
        ? "two files of the split set have the same name, or lead to the same file"
        : format !== "kdump"
          ? `${outputFormatFacts(format).plural} cannot be split`
          : onFull === "incomplete"
            ? "a split set cannot be left incomplete: files behind the one that is full would be empty"
            : undefined;
  if (problem !== undefined) {
    throw new DumpError("BAD_OPTION", problem, {
      cure: either("Write `coresieve split DUMP OUT1 OUT2`", "Give `output.paths` two names, of kdump output"),
    });
  }
}

/** Throws `BAD_OPTION` for a level that keeps user data. */
function checkPrivateLevel(level: number): void {
  if (level === MAX_LEVEL) return;
  throw new DumpError(
    "BAD_OPTION",
    `${OPTION.privacy} drops all that level ${MAX_LEVEL} drops, but level ${level} was asked for`,
    {
      cure: `Leave out ${OPTION.levelOfPrivacy}`,
    },
  );
}
