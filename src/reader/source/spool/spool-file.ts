import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DumpError } from "../../../errors.js";
import { OPTION, unnamedPlace } from "../../../option-words.js";
import { describeSystemError, isWithoutRoom } from "../byte-source.js";
import { writeFully } from "../full-io.js";
import { readExact } from "../own-file.js";
import { dropSpoolFile } from "./drop-spool.js";
import { openNameless } from "./nameless-file.js";

/** Where streams are spooled, and the limit for them. */
export interface SpoolOptions {
  /** The folder of the temporary file. Default: the system's ($TMPDIR). */
  readonly dir?: string;
  /** The most bytes of the temporary file. Default: half of the folder's free space. */
  readonly limit?: number;
}

/** A temporary file that only this process can open: mode 0600, and without a name if the system allows that. */
export interface SpoolFile {
  readonly fd: number;
  /** Its name, if it has to be removed at the end (Windows). */
  readonly path: string | undefined;
  /** Appends, or writes at an offset; a gap before it becomes zeros. Throws `NO_SPACE`, `NOT_WRITABLE`. */
  write(bytes: Uint8Array, offset?: number): void;
  /** Fills `into`. Throws `NOT_READABLE`, also if the file ends before. */
  read(into: Uint8Array, offset: number): void;
  /** Where it ends. */
  size(): number;
  /** Closes and removes it. Never throws; further calls do nothing. */
  drop(): void;
}

const INPUT = "of a stream or packed dump";

/** Creates the file. `purpose` is its purpose in messages. Throws `NOT_WRITABLE`. */
export function createSpoolFile({ dir: given, limit }: SpoolOptions, purpose = INPUT): SpoolFile {
  const dir = given ?? tmpdir();
  const place = given ?? unnamedPlace(dir, "the folder of temporary files");
  // Loaded only here: that takes 4 ms, and few runs have a temporary file.
  const { randomBytes } = process.getBuiltinModule("node:crypto");
  const path = join(dir, `.coresieve-${randomBytes(8).toString("hex")}.spool`);
  let file: ReturnType<typeof openNameless>;
  let most: number;
  try {
    const { bavail, bsize } = statfsSync(dir);
    const free = bavail * bsize;
    most = Math.min(limit ?? free / 2, free);
    file = openNameless(path, place);
  } catch (error) {
    if (error instanceof DumpError) throw error;
    const full = isWithoutRoom(error);
    const what = `a temporary file cannot be created there: ${describeSystemError(error)}`;
    throw new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", what, {
      file: place,
      cure: `${full ? "Make room, or name" : "Name"} a folder for it with ${OPTION.spoolDir}`,
      cause: error,
    });
  }
  const { fd, path: named } = file;
  let size = 0;
  let isOpen = true;
  const checkOpen = () => {
    // The number may be another file's by now.
    if (!isOpen) throw new Error("a temporary file is used that was dropped");
  };
  return {
    fd,
    path: named,
    size: () => size,
    read(into, offset) {
      checkOpen();
      readExact({ fd, name: given === undefined ? unnamedPlace(path, "a temporary file") : path }, into, offset);
    },
    drop() {
      if (isOpen) dropSpoolFile(fd, named);
      isOpen = false;
    },
    write(bytes, offset = size) {
      checkOpen();
      // Writing no bytes does not make a file longer.
      if (bytes.length === 0) return;
      const end = Math.max(size, offset + bytes.length);
      if (end > most) throw spoolFull(place, purpose, `${size} bytes are in it, and ${Math.floor(most)} allowed`);
      try {
        writeFully(fd, bytes, offset);
      } catch (error) {
        if (isWithoutRoom(error)) throw spoolFull(place, purpose, describeSystemError(error));
        throw new DumpError("NOT_WRITABLE", `the temporary file cannot be written: ${describeSystemError(error)}`, {
          file: place,
          cure: `Name another folder for it with ${OPTION.spoolDir}`,
          cause: error,
        });
      }
      size = end;
    },
  };
}

function spoolFull(dir: string, purpose: string, why: string): DumpError {
  return new DumpError("NO_SPACE", `the temporary file ${purpose} is full: ${why}`, {
    file: dir,
    cure: `Name a larger disk with ${OPTION.spoolDir}, or allow more with ${OPTION.spoolLimit}${purpose === INPUT ? "; or save the dump to a file first" : ""}`,
  });
}
