import { DumpError } from "../../errors.js";
import { OPTION, piped } from "../../option-words.js";
import { ofFile } from "../../warnings.js";
import type { FormatOptions, Opening } from "../format.js";
import { openMigration } from "../qemu-migration/open.js";
import { isMigrationStream } from "../qemu-migration/stream-head.js";
import { type ByteSource, readWhatIsThere } from "../source/byte-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { dimmsOf } from "./dimms.js";
import { readSaveHeader, SAVE_HEADER_SIZE, type SaveHeader } from "./header.js";

/** Bytes behind the room for the XML in which the stream is searched for: a sparse stream may be aligned. */
const SEARCHED = 2 ** 20;
const STREAM_START = Buffer.from("QEVM\0\0\0\x03", "latin1");
/** Programs that unpack each format. */
const PROGRAMS = { gzip: "gzip -dc", bzip2: "bzip2 -dc", xz: "xz -dc", lzop: "lzop -dc", zstd: "zstd -dc" } as const;

/**
 * Opens a libvirt save file whose stream is plain or sparse. Throws `UNSUPPORTED` for packed ones, `TRUNCATED` for a
 * save that was never finished, and what the stream's reader throws.
 */
export function* openSave(image: SourceImage, options: FormatOptions): Opening {
  const source = attachSource(image);
  const header = readSaveHeader(readWhatIsThere(source, 0, SAVE_HEADER_SIZE), source.name);
  checkFinished(header, source.name, options);
  const { format, start } = header;
  if (format !== "raw" && format !== "sparse") throw packedSave(image, format, start);
  const given = { ...options, plugged: dimmsOf(source, start) };
  const dump = yield* openMigration(image, given, findStream(source, start));
  return { ...dump, header: { ...dump.header, description: `libvirt save file, ${dump.header.description}` } };
}

function findStream(source: ByteSource, start: number): number {
  const bytes = Buffer.from(readWhatIsThere(source, start, SEARCHED));
  if (isMigrationStream(bytes)) return start;
  const found = bytes.indexOf(STREAM_START);
  if (found >= 0) return start + found;
  throw new DumpError("NOT_A_DUMP", "is a libvirt save file without a QEMU migration stream behind its XML", {
    file: source.name,
    offset: start,
    cure: "Save the domain again, or dump it with `virsh dump --memory-only`",
  });
}

/** Treats a save that was never finished like one that is cut off. Throws `TRUNCATED` unless it is salvaged. */
export function checkFinished(
  { partial }: SaveHeader,
  file: string,
  { salvage, warnings }: Pick<FormatOptions, "salvage" | "warnings">,
): void {
  if (!partial) return;
  const what = "is a libvirt save file that was never finished";
  if (salvage) warnings.add("CUT_OFF", ofFile(file, what));
  else {
    throw new DumpError("TRUNCATED", what, {
      file,
      cure: `Save the domain again, or use ${OPTION.salvage} for what is there of it`,
    });
  }
}

/** The error of a packed save file, whose packing is not undone here: `openInput` unpacks some. */
function packedSave(
  { file: { path: file }, spool }: SourceImage,
  format: keyof typeof PROGRAMS,
  start: number,
): DumpError {
  // What came packed itself, or through a pipe, is not the file of that name.
  const from = spool === undefined ? JSON.stringify(file) : "FILE";
  const pipe = `tail -c +${start + 1} ${from} | ${PROGRAMS[format]}`;
  return new DumpError("UNSUPPORTED", `is a libvirt save file whose stream is packed with ${format}`, {
    file,
    cure: `${spool === undefined ? "Unpack it on the way" : "Write the save file to a FILE of its own, and unpack that on the way"}: ${piped(pipe)}`,
  });
}
