import { closeSync } from "node:fs";
import { DumpError } from "../../errors.js";
import { aFileName, checkArgument } from "../../option-shape.js";
import { isStorePath } from "../../store/store-url.js";
import { type ByteSource, type FileHandle, fileSource, openFile, readExactly } from "./byte-source.js";
import { attachFile, closeOnce, type SourceImage } from "./source-image.js";

/** A file that an option names beside the dump (a vmlinux, rules, a text), open for reading. */
export interface SideFile {
  /** Its name, as the user gave it. */
  readonly name: string;
  readonly source: ByteSource;
  /** @internal The open file as plain data, by which other threads read it. Absent if the caller made `source`. */
  readonly image?: SourceImage;
  /** Closes it. Do not read from `source` afterwards. */
  close(): void;
}

/**
 * The value of an option for a side file: a path, or a file that was opened with `openSideFile` before and that the
 * caller closes.
 */
export type GivenFile = string | SideFile;

/** Opens a file, or an object of a store. Throws `NOT_READABLE`, and what `openObject` throws. */
export async function openSideFile(path: string): Promise<SideFile> {
  checkArgument("path", path, aFileName);
  if (!isStorePath(path)) return localSideFile(path);
  const { openObject } = await import("../../store/open-object.js");
  const remote = await openObject(path);
  return sideFileOfImage({ file: { path, fd: -1, size: remote.size, mtimeMs: 0 }, flattened: undefined, remote });
}

/** The side file of an opened input, in any thread. `close` closes it for all. */
export function sideFileOfImage(image: SourceImage): SideFile {
  return { name: image.file.path, source: attachFile(image), image, close: closeOnce([image]) };
}

/**
 * Opens the side file of an option. A file that the caller opened is not closed. Throws `NOT_READABLE`, and
 * `BAD_OPTION` for the name of an object: `openSideFile` must open it first.
 */
export function givenSideFile(given: GivenFile): SideFile {
  return typeof given === "string" ? localSideFile(given) : { ...given, close: () => undefined };
}

/** Makes a side file of an open file, whose path may lead to another file by now. `close` closes it. */
export function sideFileOf(file: FileHandle): SideFile {
  return { name: file.path, source: fileSource(file), close: () => closeSync(file.fd) };
}

/**
 * All bytes of a small side file. Throws `NOT_READABLE`, `BAD_OPTION` for a file of more than `limit` bytes, and what
 * `openObject` throws.
 */
export async function readSideFile(path: string, limit: number): Promise<Buffer> {
  const { source, close } = await openSideFile(path);
  try {
    if (source.size > limit) {
      throw new DumpError("BAD_OPTION", `has ${source.size} bytes; at most ${limit} are expected here`, {
        file: path,
        cure: "Check that this is the file you mean",
      });
    }
    return Buffer.from(readExactly(source, 0, source.size, "text"));
  } finally {
    close();
  }
}

function localSideFile(path: string): SideFile {
  if (isStorePath(path)) {
    throw new DumpError("BAD_OPTION", "is an object of a store, and a file is needed here", {
      file: path,
      cure: "Fetch it to a file, and name that",
    });
  }
  return sideFileOfImage({ file: openFile(path), flattened: undefined });
}
