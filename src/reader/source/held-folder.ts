import { closeSync, constants, lstatSync, openSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { DumpError } from "../../errors.js";
import { type FileIdentity, fileIdentity, leadsTo } from "./file-identity.js";
import { openedName } from "./opened-name.js";

/**
 * Linux: the descriptor names a place and reads nothing, so that a folder need not be readable (open(2); the number is that of
 * include/uapi/asm-generic/fcntl.h, and of every machine that Node runs on). Node has no name for it.
 */
const O_PATH = 0o10000000;

/** Names of held folders by the paths that stand for them. Descriptors belong to the process, and so does this. */
const names = new Map<string, string>();

/** A path as the user knows it: what comes from `HeldFolder.path` may be a descriptor's. For messages. */
export function shownPath(path: string): string {
  const [, folder, rest] = /^(\/proc\/self\/fd\/\d+)(\/.*)?$/.exec(path) ?? [];
  const name = folder === undefined ? undefined : names.get(folder);
  return name === undefined ? path : `${name}${rest ?? ""}`;
}

/** The error of a file that got its name in a folder which was held, and is not the one of that name any more. `then`: what to do with the file. */
export function folderWasMoved(file: string, then: string, left?: string): DumpError {
  return new DumpError("NOT_WRITABLE", "its folder was moved, or another took its place, when it got its name", {
    file,
    cure: `Look at who may write to the folders above it${then}`,
    left,
  });
}

interface Held {
  readonly identity: FileIdentity;
  /** `undefined` where folders cannot be opened (Windows). */
  readonly fd: number | undefined;
  /** What always leads to it, if there is such a name. */
  readonly fixed: string | undefined;
}

/**
 * A folder that is looked up once. All that is done in it from then on is done in that folder, though another may have its name: on Linux
 * through its descriptor (/proc/self/fd). Elsewhere its path is compared with it, by device and inode, at each use; who exchanges folders at the right moment can
 * deceive that.
 */
export class HeldFolder {
  /** What to call it in messages. */
  readonly name: string;
  readonly #where: () => string;
  #held: Held | undefined;

  private constructor(name: string, where: () => string) {
    this.name = name;
    this.#where = where;
  }

  /** Holds a folder. Links in its path are followed. Throws system errors. */
  static open(path: string): HeldFolder {
    const real = realpathSync.native(path);
    const folder = new HeldFolder(path, () => real);
    folder.path();
    return folder;
  }

  /** A folder in this one, which is looked up when it is first used; a link is none. */
  within(name: string): HeldFolder {
    return new HeldFolder(join(this.name, name), () => join(this.path(), name));
  }

  /** What leads to it just now: to be used at once. Throws system errors: `ENOENT`, `ENOTDIR` for a link; `NOT_WRITABLE` where another folder has its path. */
  path(): string {
    this.#held ??= hold(this.#where(), this.name);
    const { fixed, identity } = this.#held;
    if (fixed !== undefined) return fixed;
    const path = this.#where();
    if (!leadsTo(path, identity)) throw this.#exchanged();
    return path;
  }

  /** Where it really lies. `undefined` if that cannot be told any more. Throws system errors. */
  realName(): string | undefined {
    const path = this.path();
    const { fd } = this.#held as Held;
    return fd === undefined ? realpathSync.native(path) : openedName(fd, this.#where());
  }

  /** Whether its path leads to it still. Throws nothing. */
  isInPlace(): boolean {
    try {
      return this.#held !== undefined && leadsTo(this.#where(), this.#held.identity);
    } catch {
      return false;
    }
  }

  /**
   * Whether what was opened is what its name leads to, and lies where it lay: who looks for a file by that name finds what is in it. For this moment
   * only. Throws nothing.
   */
  isReached(): boolean {
    try {
      const { dev, ino } = statSync(this.name, { bigint: true });
      const held = this.#held?.identity;
      // libuv has two numbers for one Windows volume.
      const isSame = ino === held?.ino && (dev === held.dev || process.platform === "win32");
      return isSame && this.isInPlace();
    } catch {
      return false;
    }
  }

  /** It is not used any more, or looked up anew when it is. Never throws. */
  letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held?.fixed !== undefined) names.delete(held.fixed);
    try {
      if (held?.fd !== undefined) closeSync(held.fd);
    } catch {
      // Nothing was written through it.
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
    // A container may have no /proc.
    if (!isLinux || !leadsTo(`${fixed}/.`, identity)) return { identity, fd, fixed: undefined };
    names.set(fixed, name);
    return { identity, fd, fixed };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
