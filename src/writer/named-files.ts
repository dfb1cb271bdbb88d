import { closeSync, openSync, statSync } from "node:fs";
import { DumpError } from "../errors.js";
import { type FileIdentity, fileIdentity } from "../reader/source/file-identity.js";

/**
 * Files of one run that have their names already, while others wait for theirs. With `force` another run may give the
 * same names at the same time: without a look at the earlier files, both would succeed and leave some files of one and
 * some of the other. The files stay open: otherwise another file may get the number of one, and some file systems (FAT)
 * give a file another number when it is closed.
 */
export class NamedFiles {
  #files: { readonly name: string; readonly fd: number; readonly identity: FileIdentity }[] = [];

  /**
   * Adds a file that has just got this name and is open. Throws `NOT_WRITABLE` if another file has it by now. If the file
   * cannot be opened again, for lack of descriptors, its name is not looked at any more: it is whole.
   */
  add(name: string, identity: FileIdentity): void {
    let fd: number;
    try {
      fd = openSync(name, "r");
    } catch {
      return;
    }
    this.#files.push({ name, fd, identity });
    if (!same(fileIdentity(fd), identity)) throw nameTaken(name);
  }

  /** Throws `NOT_WRITABLE` if another file, or none, has one of the names by now. Links are followed. */
  check(): void {
    for (const { name, identity } of this.#files) {
      if (!same(found(name), identity)) throw nameTaken(name);
    }
  }

  /** Closes the files. Never throws. */
  letGo(): void {
    for (const { fd } of this.#files) {
      try {
        closeSync(fd);
      } catch {
        // Nothing was written through the descriptor.
      }
    }
    this.#files = [];
  }
}

function found(name: string): FileIdentity | undefined {
  try {
    return statSync(name, { bigint: true });
  } catch {
    return undefined;
  }
}

function same(a: FileIdentity | undefined, b: FileIdentity): boolean {
  // libuv reports two numbers for one Windows volume.
  return a?.ino === b.ino && (a.dev === b.dev || process.platform === "win32");
}

/** The error of an output whose name was given to another file when it just had it. */
export function nameTaken(name: string): DumpError {
  return new DumpError("NOT_WRITABLE", "another file took its name, or it was removed, before this run had ended", {
    file: name,
    cure: "Write it again, and let only one run at a time write to a name",
  });
}
