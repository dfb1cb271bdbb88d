import { DumpError } from "../../errors.js";
import type { Warnings } from "../../warnings.js";
import type { Dump, DumpImage } from "../dump.js";
import { statOpen } from "./byte-source.js";
import type { SourceImage } from "./source-image.js";

const CURE = "Wait until the dump has been written or copied to the end";

/** The input files of a dump, in the order of its pages. */
export function sourcesOf(image: DumpImage): readonly SourceImage[] {
  if (image.kind === "kdump") return image.parts.map((part) => part.source);
  return image.kind === "raw" ? image.sources : [image.source];
}

/** Whether a dump is read from the memory of a machine, where some pages must not be read: see byte-source.ts. */
export function isLive(image: DumpImage): boolean {
  return sourcesOf(image).some(({ file }) => file.live === true);
}

/**
 * The error of input files that changed since they were opened: what was read of them may be a mixture. `undefined` if
 * they did not change. A file that was replaced by another one of the same name is no change: the opened file is read
 * to the end.
 */
export function inputChanged(image: DumpImage): DumpError | undefined {
  for (const { file, spool, remote } of sourcesOf(image)) {
    // A spooled input was completely read before, and each request for an object says which version is wanted.
    if (spool !== undefined || remote !== undefined || file.base !== undefined) continue;
    const now = statOpen(file.fd, file.path);
    if (now.size === file.size && now.mtimeMs === file.mtimeMs) continue;
    const what = now.size === file.size ? "was written to" : `had ${file.size} bytes and has ${now.size} now`;
    return new DumpError("INPUT_CHANGED", `changed while it was read: it ${what}`, {
      file: file.path,
      cure: CURE,
    });
  }
  return undefined;
}

/** The error of a file that changed while it was read as a stream. */
export function streamChanged(name: string): DumpError {
  return new DumpError("INPUT_CHANGED", "changed while it was read", { file: name, cure: CURE });
}

/**
 * Throws `INPUT_CHANGED` for input files that changed since they were opened. What was read of them may be a mixture, so
 * each command that judges or copies a dump calls this at its end. Bare memory may be that of a running machine, which
 * writes to it all the time: there it is a warning.
 */
export function checkUnchanged(dump: Dump, warnings: Warnings): void {
  const change = inputChanged(dump.image);
  if (change === undefined) return;
  if (!maySeeChanges(dump)) throw change;
  addChange(change, warnings);
}

/** Whether a dump's pages may be of different moments: those of bare memory, which a machine may be writing to. */
export function maySeeChanges(dump: Dump): boolean {
  return dump.header.format === "raw";
}

/**
 * Warns of input files that changed since they were opened. For commands that only show what they find: a log of a file
 * that still grows is better than none.
 */
export function warnOfChange(dump: Dump, warnings: Warnings): void {
  const change = inputChanged(dump.image);
  if (change !== undefined) addChange(change, warnings);
}

function addChange(change: DumpError, warnings: Warnings): void {
  warnings.add("INPUT_CHANGED", `${change.summary}; pages may be of different moments`);
}
