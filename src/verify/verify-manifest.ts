import { statSync } from "node:fs";
import { readEraseRecord } from "../filter/privacy/privacy-record.js";
import { type DigestProgress, digestFile, type FileDigest, filesOfDump } from "../manifest/digest.js";
import type { RecordedRun } from "../manifest/read-manifest.js";
import { OPTION } from "../option-words.js";
import type { Dump } from "../reader/dump.js";
import { isLive } from "../reader/source/input-changed.js";
import { isStorePath } from "../store/store-url.js";
import { outputFormatFacts } from "../writer/output-format.js";
import type { Findings } from "./findings.js";

/** How a dump compares with the manifest of the run that wrote it. */
export interface ManifestCheck {
  /** The manifest's own name. */
  readonly file: string;
  /** The name of the output in the run. The file may have been renamed since. */
  readonly name: string;
  /**
   * Whether the dump's file is byte for byte the file that the run wrote; `undefined` if it could not be read twice.
   */
  readonly sameFile: boolean | undefined;
  /**
   * Whether the original is byte for byte what the run read; `undefined` if no original was given, or the manifest has
   * no digest of it.
   */
  readonly sameInput: boolean | undefined;
}

/** Stops computing a digest, and gets its progress. */
export interface DigestContext {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: DigestProgress;
}

/**
 * Compares the file's size and digest with the manifest; `undefined` if that is not possible. Reads the whole file
 * (about 0.6 s per GB).
 */
export async function sameAsWritten(
  path: string,
  dump: Dump | undefined,
  { output }: RecordedRun,
  findings: Findings,
  { signal, onProgress }: DigestContext,
): Promise<boolean | undefined> {
  // The digest of a packed file covers the packed bytes, so the file is read again. For any other file the dump's own
  // handle has the bytes, even if it came as a stream.
  const packed = output.packing !== null || dump === undefined;
  if (packed && !isStorePath(path) && statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  if (dump !== undefined && isLive(dump.image)) return undefined;
  const inside = packed ? undefined : (await filesOfDump(dump, true, signal, onProgress))[0];
  const found =
    inside?.sha256 === undefined ? await digestFile(path, signal, onProgress) : { ...inside, sha256: inside.sha256 };
  const difference = differenceOf(found, output);
  if (difference !== undefined) findings.add({ kind: "manifest", message: `the file ${difference}`, file: path });
  return difference === undefined;
}

/** Compares the original with what the run read. */
export async function sameAsRead(
  original: Dump,
  { input }: RecordedRun,
  findings: Findings,
  { signal, onProgress }: DigestContext,
): Promise<boolean | undefined> {
  const add = (message: string) => findings.add({ kind: "manifest", message, file: original.paths[0] ?? "" });
  const wantsDigests = input.files.some(({ sha256 }) => sha256 !== null);
  const files = await filesOfDump(original, wantsDigests, signal, onProgress);
  if (files.length !== input.files.length) {
    add(`the original has ${files.length} files; the manifest's run read ${input.files.length}`);
    return false;
  }
  const differences = files.flatMap((file, i) => {
    const recorded = input.files[i] as (typeof input.files)[number];
    const difference = differenceOf(file, recorded);
    return difference === undefined ? [] : [`the original ${difference}`];
  });
  for (const difference of differences) add(difference);
  return differences.length > 0 ? false : files.some(({ sha256 }) => sha256 !== undefined) ? true : undefined;
}

function differenceOf(
  found: Pick<FileDigest, "bytes"> & { readonly sha256: string | undefined },
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string | null },
): string | undefined {
  if (found.bytes !== bytes) return `has ${found.bytes} bytes; the manifest says ${bytes}`;
  if (sha256 === null || found.sha256 === undefined || found.sha256 === sha256) return undefined;
  return `has the SHA-256 ${found.sha256}; the manifest says ${sha256}`;
}

/**
 * Compares what the dump says about itself with the manifest: format, level, kernel, pages, privacy, what was erased.
 * `promised` is the number of its pages with data.
 */
export function verifyRecorded(dump: Dump, promised: number, run: RecordedRun, findings: Findings): void {
  const { header, vmcoreinfo } = dump;
  const { output, kernel, pages } = run;
  const file = dump.paths[0] ?? "";
  const compare = (what: string, found: unknown, recorded: unknown) => {
    if (found === recorded) return;
    findings.add({ kind: "manifest", message: `${what} is ${found}; the manifest says ${recorded}`, file });
  };
  compare("its format", header.format, output.format);
  // ELF files do not record the level.
  if (header.format === "kdump") compare("its level", header.dumpLevel, output.level);
  if (kernel.buildId !== null) compare("its kernel's build ID", vmcoreinfo?.buildId, kernel.buildId);
  // Pages of zeros have a descriptor in kdump files, are left out of the segments of ELF files, and are holes in images
  // of memory. An incomplete dump has the pages for which there was room.
  const { holdsZeros, holdsNotes } = outputFormatFacts(output.format);
  const { zero = 0 } = pages.dropped;
  const withData = pages.kept + (holdsZeros ? zero : 0);
  // In bare memory pages cannot be counted: each is there or is a hole.
  if (!output.incomplete && output.format !== "raw") compare("the number of pages", promised, withData);
  const dropped = Object.values(pages.dropped).reduce((sum, count) => sum + count, 0);
  const accounted = pages.kept + dropped + pages.beyondMemMap;
  if (accounted !== pages.input) {
    const message = `the manifest contradicts itself: ${accounted} pages by class, ${pages.input} in the input`;
    findings.add({ kind: "manifest", message, file });
  }
  if (!holdsNotes) return;
  compare("the mark of an incomplete dump", header.incomplete, output.incomplete);
  const record = readEraseRecord(dump.eraseinfo);
  if (run.options.privacy && !record.privacy) {
    findings.add({
      kind: "manifest",
      message: `its eraseinfo has no line of ${OPTION.privacy}; the manifest says privacy`,
      file,
    });
  }
  const lines = new Set(
    Buffer.from(dump.eraseinfo ?? [])
      .toString("utf8")
      .split(/[\n\0]+/),
  );
  for (const line of run.erased) {
    if (lines.has(line)) continue;
    findings.add({
      kind: "manifest",
      message: `its eraseinfo does not have the manifest's line ${JSON.stringify(line)}`,
      file,
    });
  }
}
