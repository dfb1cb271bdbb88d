import { closeSync, realpathSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { DumpError } from "../errors.js";
import { describeSystemError, type FileHandle, openFile } from "../reader/source/byte-source.js";
import { HeldFolder } from "../reader/source/held-folder.js";
import { openedName } from "../reader/source/opened-name.js";
import type { ObjectLocation } from "../store/store-types.js";
import { isStorePath, parseStorePath } from "../store/store-url.js";

/** The folders, and prefixes of stores, that a worker may use. */
export interface Allowed {
  /**
   * Opens an input file. Its place is checked after it is opened, because a path that is checked first may lead
   * elsewhere when it is opened. Read the file only through the returned handle. Throws `NOT_READABLE` if it is in
   * another place, and what `openFile` throws.
   */
  openInput(path: string): FileHandle;
  /** Checks the path of an object of a store. Throws `NOT_READABLE`. */
  object(path: string): string;
  /**
   * Checks an output file, which need not exist; its folder must. The folder's place is checked after it is opened:
   * make all files through it. Throws `NOT_WRITABLE` if it is in another place.
   */
  output(path: string): AllowedOutput;
}

/** An output that a worker may write. */
export interface AllowedOutput {
  /** Its real path, or the name of an object in a store. */
  readonly path: string;
  /** The open folder that contains it, which the caller must release; `undefined` for a store. */
  readonly folder: HeldFolder | undefined;
}

/** Allows everything that the user may access: for commands, whose user names the files. */
export function allAllowed(): Allowed {
  return {
    openInput: (path) => openFile(path),
    object: (path) => path,
    output(path) {
      if (isStorePath(path)) return { path, folder: undefined };
      try {
        return { path: join(realpathSync(dirname(path)), basename(path)), folder: undefined };
      } catch (error) {
        throw unreachable(path, "NOT_WRITABLE", error);
      }
    },
  };
}

/** Folders, and prefixes of stores, for reading and for writing. */
export interface AllowedBy {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/**
 * Reading is allowed in some places and writing in others: a worker that writes outputs need not be able to change
 * dumps. Throws `NOT_READABLE`.
 */
export function allowedBy({ read, write }: AllowedBy): Allowed {
  const [{ openInput, object }, { output }] = [allowedFolders(read), allowedFolders(write)];
  return { openInput, object, output };
}

/**
 * Symbolic links are resolved first, so a link within an allowed folder leads out of it as little as `..` does. Throws
 * `NOT_READABLE`.
 */
export function allowedFolders(folders: readonly string[]): Allowed {
  const roots = folders.filter((folder) => !isStorePath(folder)).map((folder) => real(folder, "NOT_READABLE"));
  const prefixes = folders.filter(isStorePath).map(prefixOf);
  const checkObject = (path: string, code: "NOT_READABLE" | "NOT_WRITABLE"): string => {
    const { bucket, key } = parseStorePath(path);
    // A proxy in between might resolve these parts.
    const leadsOut = key.split("/").some((part) => part === "." || part === "..");
    if (!leadsOut && prefixes.some((one) => one.bucket === bucket && key.startsWith(one.key))) return path;
    throw new DumpError(code, "is outside the buckets and prefixes that this worker may use", {
      file: path,
      cure: `Start the worker with --allow, or --allow-${doing(code)}, s3://bucket/prefix/`,
    });
  };
  const check = (path: string | undefined, named: string, code: "NOT_READABLE" | "NOT_WRITABLE"): string => {
    const isWithin = (root: string) => path === root || path?.startsWith(root.endsWith(sep) ? root : root + sep);
    if (path !== undefined && roots.some(isWithin)) return path;
    throw new DumpError(code, "is outside the folders that this worker may use", {
      file: named,
      cure: `Start the worker with --allow, or --allow-${doing(code)}, and a folder that it lies in`,
    });
  };
  return {
    openInput(path) {
      // A file that cannot be reached, or is clearly in another place, is not opened.
      check(real(path, "NOT_READABLE"), path, "NOT_READABLE");
      const file = openFile(path);
      try {
        check(openedName(file.fd, path), path, "NOT_READABLE");
        return file;
      } catch (error) {
        closeSync(file.fd);
        throw error instanceof DumpError ? error : unreachable(path, "NOT_READABLE", error);
      }
    },
    object: (path) => checkObject(path, "NOT_READABLE"),
    output(path) {
      if (isStorePath(path)) return { path: checkObject(path, "NOT_WRITABLE"), folder: undefined };
      const name = basename(path);
      let folder: HeldFolder | undefined;
      try {
        folder = HeldFolder.open(dirname(path));
        const lies = folder.realName();
        // `..` is not the name of a file.
        const isName = name !== "" && name !== "." && name !== "..";
        const file = lies === undefined || !isName ? undefined : join(lies, name);
        return { path: check(file, path, "NOT_WRITABLE"), folder };
      } catch (error) {
        folder?.letGo();
        throw error instanceof DumpError ? error : unreachable(path, "NOT_WRITABLE", error);
      }
    },
  };
}

function doing(code: "NOT_READABLE" | "NOT_WRITABLE"): string {
  return code === "NOT_READABLE" ? "read" : "write";
}

/** A prefix ends at a part of a name: `s3://bucket/dumps` does not include `s3://bucket/dumps-of-others`. */
function prefixOf(path: string): ObjectLocation {
  const { bucket, key } = parseStorePath(path, true);
  return { bucket, key: key === "" || key.endsWith("/") ? key : `${key}/` };
}

function real(path: string, code: "NOT_READABLE" | "NOT_WRITABLE"): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw unreachable(path, code, error);
  }
}

function unreachable(path: string, code: "NOT_READABLE" | "NOT_WRITABLE", error: unknown): DumpError {
  return new DumpError(code, `cannot be reached here: ${describeSystemError(error)}`, {
    file: path,
    cure: "Check that the share is mounted at the same place on all hosts",
    cause: error,
  });
}
