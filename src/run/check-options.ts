import { checkCodec } from "../codec/encoder.js";
import { DumpError } from "../errors.js";
import { isStorePath } from "../store/store-url.js";
import { sameOutput } from "../writer/output-path.js";
import { checkTogether } from "./check-together.js";
import type { FilterOptions } from "./filter-types.js";

/** Throws `BAD_OPTION` for options of a filter run that do not go together, and `CODEC_MISSING`. */
export function checkOptions(options: FilterOptions): void {
  checkTogether(options);
  if (options.onFull === "incomplete" && "pack" in options.output && options.output.pack !== undefined) {
    throw new DumpError("BAD_OPTION", "a packed output cannot be left incomplete: its headers are written already", {
      cure: "Leave --on-full incomplete away, or do not pack (--pack none, or a name without .zst, .lz4, .gz)",
    });
  }
  if (options.onFull === "incomplete" && "path" in options.output && isStorePath(options.output.path)) {
    throw new DumpError(
      "BAD_OPTION",
      "what was sent to a store cannot be written again, so it cannot be left incomplete",
      {
        file: options.output.path,
        cure: "Leave --on-full incomplete away, or write a file",
      },
    );
  }
  if ("paths" in options.output) checkSplit(options.output.paths, options);
  checkCodec(options.codec);
}

/** What a split set cannot have. */
function checkSplit(paths: readonly string[], { format, onFull }: FilterOptions): void {
  const problem =
    paths.length < 2
      ? "a split set has two files at least"
      : paths.some((path, i) => paths.slice(0, i).some((other) => sameOutput(path, other)))
        ? "two files of the split set have the same name, or lead to the same file"
        : format !== "kdump"
          ? "an ELF dump cannot be split"
          : onFull === "incomplete"
            ? "a split set cannot be left incomplete: files behind the one that is full would be empty"
            : undefined;
  if (problem !== undefined) {
    throw new DumpError("BAD_OPTION", problem, { cure: "Write `coresieve split DUMP OUT1 OUT2`" });
  }
}
