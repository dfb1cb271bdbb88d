import { closeSync, constants, fsyncSync, lstatSync, openSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { DumpError, systemErrorCode } from "../../errors.js";
import { type FileIdentity, fileIdentity, leadsTo } from "./file-identity.js";
import { openedName } from "./opened-name.js";

/**
 * Linux: a descriptor that names a place and reads nothing, so that the folder need not be readable (open(2); the
 * number is in include/uapi/asm-generic/fcntl.h, the same on every machine that Node runs on). Node has no constant for
 * it.
 */
const O_PATH = 0o10000000;

/** Names of held folders, by the paths that stand for them. Descriptors belong to the process, and so does this map. */
const names = new Map<string, string>();

/** A path for messages, as the user knows it: `HeldFolder.path` may return the path of a descriptor. */
export function shownPath(path: string): string {
  const [, folder, rest] = /^(\/proc\/self\/fd\/\d+)(\/.*)?$/.exec(path) ?? [];
  const name = folder === undefined ? undefined : names.get(folder);
  return name === undefined ? path : `${name}${rest ?? ""}`;
}

/**
 * Whether an error of fsync of a folder says that its file system has no such thing: Linux says EINVAL then (SMB, 9p,
 * VirtualBox's folders), FUSE also ENOSYS. Names in it are as safe as they can be there.
 */
export function hasNoFolderSync(error: unknown): boolean {
  return ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"].includes(systemErrorCode(error) ?? "");
}

/** The name of a new file is stored in its folder, which has to reach the disk too. Windows has no such operation. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!hasNoFolderSync(error)) throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * The error of a file that got its name in a held folder when that folder no longer had its own name. `then`: what to
 * do with the file.
 */
export function folderWasMoved(file: string, then: string, left?: string): DumpError {
  return new DumpError("NOT_WRITABLE", "its folder was moved, or another took its place, when it got its name", {
    file,
    cure: `Look at who may write to the folders above it${then}`,
    left,
  });
}

interface Held {
  readonly identity: FileIdentity;
  /** `undefined` on systems that cannot open folders (Windows). */
  readonly fd: number | undefined;
  /** A path that always leads to the folder, if there is one. */
  readonly fixed: string | undefined;
}

/**
 * A folder that is looked up only once. Everything is then done in that folder, even if another folder gets its name:
 * on Linux through its descriptor (/proc/self/fd). On other systems each use compares the folder at its path with it,
 * by device and inode; exchanging folders at the right moment can deceive this check.
 */
export class HeldFolder {
  #held: Held | undefined;

  private constructor(
    /** Its name in messages. */
    readonly name: string,
    private readonly where: () => string,
  ) {}

  /** Looks a folder up. Links in its path are followed. Throws system errors. */
  static open(path: string): HeldFolder {
    const real = realpathSync.native(path);
    const folder = new HeldFolder(path, () => real);
    folder.path();
    return folder;
  }

  /** A folder in this one, which is looked up at its first use; a link is not accepted. */
  within(name: string): HeldFolder {
    return new HeldFolder(join(this.name, name), () => join(this.path(), name));
  }

  /**
   * A path that leads to it now, to be used at once. Throws system errors: `ENOENT`, `ENOTDIR` for a link;
   * `NOT_WRITABLE` if another folder has its path.
   */
  path(): string {
    this.#held ??= hold(this.where(), this.name);
    const { fixed, identity } = this.#held;
    if (fixed !== undefined) return fixed;
    const path = this.where();
    if (!leadsTo(path, identity)) throw this.#exchanged();
    return path;
  }

  /** The path at which it really is; `undefined` if that is not known any more. Throws system errors. */
  realName(): string | undefined {
    const path = this.path();
    const { fd } = this.#held as Held;
    return fd === undefined ? realpathSync.native(path) : openedName(fd, this.where());
  }

  /** Whether its path still leads to it. Never throws. */
  isInPlace(): boolean {
    try {
      return this.#held !== undefined && leadsTo(this.where(), this.#held.identity);
    } catch {
      return false;
    }
  }

  /**
   * Whether its name still leads to the folder that was opened, at its old place: then looking for a file by that name
   * finds the file in this folder. Valid only for this moment. Never throws.
   */
  isReached(): boolean {
    try {
      const { dev, ino } = statSync(this.name, { bigint: true });
      const held = this.#held?.identity;
      // libuv reports two numbers for one Windows volume.
      const isSame = ino === held?.ino && (dev === held.dev || process.platform === "win32");
      return isSame && this.isInPlace();
    } catch {
      return false;
    }
  }

  /** Releases it; a later use looks it up again. Never throws. */
  letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held?.fixed !== undefined) names.delete(held.fixed);
    try {
      if (held?.fd !== undefined) closeSync(held.fd);
    } catch {
      // Nothing was written through the descriptor, so an error has no effect.
    }
  }

  #exchanged(): DumpError {
    return new DumpError("NOT_WRITABLE", "its folder was replaced by another one", {
      file: this.name,
      cure: "Look at who may write to the folders above it",
    });
  }
}

function hold(path: string, name: string): Held {
  if (process.platform === "win32") {
    const found = lstatSync(path, { bigint: true });
    if (!found.isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
    return { identity: { dev: found.dev, ino: found.ino }, fd: undefined, fixed: undefined };
  }
  const isLinux = process.platform === "linux";
  const fd = openSync(path, (isLinux ? O_PATH : constants.O_RDONLY) | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const identity = fileIdentity(fd);
    const fixed = `/proc/self/fd/${fd}`;
    if (!isLinux || !canLeadTo(`${fixed}/.`, identity)) return { identity, fd, fixed: undefined };
    names.set(fixed, name);
    return { identity, fd, fixed };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A container may lack /proc, or have a link or another folder in its place. */
function canLeadTo(fixed: string, identity: FileIdentity): boolean {
  try {
    return leadsTo(fixed, identity);
  } catch {
    return false;
  }
}
