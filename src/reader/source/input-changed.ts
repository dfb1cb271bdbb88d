import { DumpError } from "../../errors.js";
import type { DumpImage } from "../dump.js";
import { statOpen } from "./byte-source.js";
import type { SourceImage } from "./source-image.js";

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
      cure: "Wait until the dump has been written or copied to the end",
    });
  }
  return undefined;
}
