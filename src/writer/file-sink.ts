import {
  type BigIntStats,
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { writeSome } from "../reader/source/spool/write-some.js";
import { namesFolder } from "./output-name.js";
import type { Sink } from "./sink.js";

export interface FileSinkOptions {
  /** Replace an existing file. */
  readonly force: boolean;
  /** The input files: none of them may be the output. */
  readonly inputs: readonly string[];
  /** Wait until the disk has the file, before it gets its name, and then its name. */
  readonly sync?: boolean;
}

/**
 * A file that appears under its name only when it is whole. Until then it has another name in the same folder, is
 * created exclusively and readable by its owner only: dumps hold everybody's secrets. Throws `OUTPUT_EXISTS`,
 * `NOT_WRITABLE`, `NO_SPACE`.
 */
export function createFileSink(path: string, options: FileSinkOptions): Sink {
  checkName(path);
  checkTarget(path, options);
  // Two runs into one folder need different names. Nobody gains by guessing one: it is created exclusively.
  const unique = Math.floor(Math.random() * 2 ** 32).toString(16);
  const partial = join(dirname(path), `.${basename(path)}.${unique.padStart(8, "0")}.partial`);
  let fd: number;
  try {
    fd = openSync(partial, "wx", 0o600);
  } catch (error) {
    throw cannotBeCreated(path, error);
  }
  let open = true;
  const close = () => {
    const wasOpen = open;
    open = false;
    if (wasOpen) closeSync(fd);
  };
  return {
    name: path,
    write(bytes, offset) {
      try {
        for (let done = 0; done < bytes.length; ) done += writeSome(fd, bytes, done, offset + done);
      } catch (error) {
        throw writeError(path, error);
      }
    },
    async finish(size) {
      try {
        if (fstatSync(fd).size !== size) ftruncateSync(fd, size);
        if (options.sync === true) fsyncSync(fd);
        close();
        appear(partial, path, options.force);
        if (options.sync === true) syncFolder(dirname(path));
        return undefined;
      } catch (error) {
        throw error instanceof DumpError ? error : writeError(path, error);
      }
    },
    async abort() {
      // It may be gone already, or the disk is: then there is nothing more to clean up.
      for (const step of [close, () => unlinkSync(partial)]) {
        try {
          step();
        } catch {}
      }
    },
  };
}

/** The name of a new file is in its folder, which has to reach the disk too. Windows knows no such thing. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A name that no file can have would be found out only when the dump is to appear under it. */
function checkName(path: string): void {
  if (path === "") throw new DumpError("NOT_WRITABLE", "the output has no name", { cure: "Name a file" });
  if (namesFolder(path)) throw cannotBeCreated(path, "its name is that of a folder");
}

function cannotBeCreated(path: string, error: unknown): DumpError {
  const why = typeof error === "string" ? error : describeSystemError(error);
  return new DumpError("NOT_WRITABLE", `cannot be created: ${why}`, {
    file: path,
    cure: "Name a file in a folder that exists and that you may write to",
    cause: error,
  });
}

function checkTarget(path: string, { force, inputs }: FileSinkOptions): void {
  const target = statIfThere(path);
  if (target === undefined) return;
  if (inputs.some((input) => sameFile(statIfThere(input), target))) {
    throw new DumpError("OUTPUT_EXISTS", "is the input itself", {
      file: path,
      cure: "Name another file for the output",
    });
  }
  if (!target.isFile()) {
    const what = target.isDirectory() ? "is a directory" : "is no regular file";
    throw new DumpError("OUTPUT_EXISTS", `${what}; the output must be a file`, {
      file: path,
      cure: "Name a file that does not exist yet, or write to stdout: - as OUT, or -F",
    });
  }
  if (!force) {
    throw new DumpError("OUTPUT_EXISTS", "is there already", {
      file: path,
      cure: "Use -f to overwrite it, or name another file",
    });
  }
}

/** With all digits of the file's number: those of Windows have more than a number holds. */
function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false, bigint: true });
  } catch (error) {
    throw cannotBeCreated(path, error);
  }
}

function sameFile(a: BigIntStats | undefined, b: BigIntStats): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** A link cannot replace a file that came into being meanwhile; file systems without links get a rename. */
function appear(partial: string, path: string, force: boolean): void {
  if (force) {
    renameSync(partial, path);
    return;
  }
  try {
    linkSync(partial, path);
    unlinkSync(partial);
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") {
      throw new DumpError("OUTPUT_EXISTS", "came into being while the dump was written", {
        file: path,
        cure: "Name another file for the output",
      });
    }
    renameSync(partial, path);
  }
}

function writeError(path: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
    file: path,
    cure: full
      ? "Make room, name another disk, or drop more (-d 31) and compress (-c); nothing was left behind"
      : "Check the disk or network share it is on; nothing was left behind",
    cause: error,
  });
}
