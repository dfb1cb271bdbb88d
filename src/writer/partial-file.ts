import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DumpError, NOTHING_LEFT, systemErrorCode } from "../errors.js";
import { OPTION, unnamedPlace } from "../option-words.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { type FileIdentity, fileIdentity, leadsTo } from "../reader/source/file-identity.js";
import { writeFully } from "../reader/source/full-io.js";
import { folderWasMoved, HeldFolder } from "../reader/source/held-folder.js";
import { forgetUnfinished, watchUnfinished } from "../unfinished.js";
import { cannotBeCreated, checkPlace } from "./output-path.js";

/** Reading and writing, without waiting for a FIFO and without following a link that somebody put in the file's place. */
const HOLD = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * A file that is written under another name in its folder, exclusively and readable by its owner only, and gets its name when it is
 * whole. What gets the name is the file that was opened here, by its number, or nothing does. Throws `NOT_WRITABLE`, `NO_SPACE`, `OUTPUT_EXISTS`.
 */
export class PartialFile {
  /** What the user calls it. */
  readonly #name: string;
  /** That is a link: nobody named what it leads to. */
  readonly #isLinked: boolean;
  /** Its folder, looked up once: all happens in it, and in no other that gets its name meanwhile. */
  readonly #folder: HeldFolder;
  /** The two names in there. */
  readonly #final: string;
  readonly #temporary: string;
  readonly #identity: FileIdentity;
  #fd: number | undefined;
  /** Opened beside the first, which has to be closed before the file gets its name: as long as one is open no other file has its number. */
  #held: number | undefined;
  #state: "open" | "named" | "gone" = "open";
  /** The name was another file's, which is gone. */
  #replaced = false;
  #left: string | undefined;

  constructor(path: string, name: string) {
    this.#name = name;
    this.#isLinked = path !== name;
    this.#final = basename(path);
    // Two runs into one folder need different names. Nobody gains by guessing one: it is created exclusively.
    const unique = Math.floor(Math.random() * 2 ** 32).toString(16);
    this.#temporary = `.${beginningOf(this.#final)}.${unique.padStart(8, "0")}.partial`;
    this.#folder = openFolder(path, name);
    try {
      this.#fd = openSync(this.#partial, "wx", 0o600);
    } catch (error) {
      this.#forget();
      throw cannotBeCreated(name, error);
    }
    try {
      this.#identity = fileIdentity(this.#fd);
    } catch (error) {
      unlinkSync(this.#partial);
      this.#forget();
      throw cannotBeCreated(name, error);
    }
    watchUnfinished(this);
  }

  /** For system calls. Throws where the folder cannot be reached any more. */
  get #path(): string {
    return join(this.#folder.path(), this.#final);
  }

  get #partial(): string {
    return join(this.#folder.path(), this.#temporary);
  }

  write(bytes: Uint8Array, offset: number): void {
    const fd = this.#openFd();
    try {
      writeFully(fd, bytes, offset);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Where it can be read as long as it has no name of its own. Throws where the folder cannot be reached any more. */
  partialPath(): string {
    return this.#partial;
  }

  /** All is written: `size` bytes. The name may come later. */
  cut(size: number): void {
    const fd = this.#openFd();
    try {
      if (fstatSync(fd).size !== size) ftruncateSync(fd, size);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** All is written: `size` bytes. Gives the file its name; `sync`: when the disk has it. */
  finish(size: number, { force, sync }: { readonly force: boolean; readonly sync: boolean }): void {
    const fd = this.#openFd();
    try {
      if (fstatSync(fd).size !== size) ftruncateSync(fd, size);
      if (sync) fsyncSync(fd);
      this.#hold();
      // File systems of a network may report only now what they could not write.
      this.#fd = undefined;
      closeSync(fd);
      this.#appear(force);
      if (sync) syncFolder(this.#folder.path());
      this.#checkReached();
    } catch (error) {
      throw error instanceof DumpError ? error : this.#failed(error);
    }
    forgetUnfinished(this);
    this.#forget();
  }

  /** Removes the file, under whichever name it has. If it cannot be removed it is made empty. Never throws. */
  discard(): void {
    forgetUnfinished(this);
    if (this.#state === "gone") {
      this.#forget();
      return;
    }
    const isNamed = this.#state === "named";
    const name = isNamed ? this.#final : this.#temporary;
    this.#state = "gone";
    let why: string | undefined;
    try {
      const path = join(this.#folder.path(), name);
      if (leadsTo(path, this.#identity)) unlinkSync(path);
      else if (isNamed || this.#hasName()) why = "it has another name now";
    } catch (error) {
      why = describeSystemError(error);
    }
    if (why !== undefined) this.#left = `${this.#shown(name)} could not be removed (${why}): ${this.#empty()}`;
    else if (this.#replaced) this.#left = `the file that was there before, ${this.#shown(this.#final)}, is gone`;
    this.#forget();
  }

  dropAtOnce(): string | undefined {
    this.discard();
    return this.#left;
  }

  /** What is there after `discard` all the same. */
  leftBehind(): string | undefined {
    return this.#left;
  }

  #openFd(): number {
    // The number may be another file's by now: somebody still writes to a file that was given up.
    if (this.#fd === undefined || this.#state !== "open") throw new Error("an output is written to that was closed");
    return this.#fd;
  }

  #hold(): void {
    try {
      this.#held = openSync(this.#partial, HOLD);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "ENOENT" && !this.#hasName()) throw error;
      if (code === "ENOENT" || code === "ELOOP" || code === "ENXIO") throw this.#exchanged();
      throw error;
    }
    const { dev, ino } = fileIdentity(this.#held);
    if (dev !== this.#identity.dev || ino !== this.#identity.ino) {
      closeSync(this.#held);
      this.#held = undefined;
      throw this.#exchanged();
    }
  }

  /** A link cannot replace a file that came into being meanwhile; file systems without links get a rename. */
  #appear(force: boolean): void {
    if (!leadsTo(this.#partial, this.#identity)) throw this.#exchanged();
    // The output would be in it, and not where the run says that it is.
    if (!this.#folder.isReached()) throw this.#moved();
    if (force) {
      const before = lstatSync(this.#path, { throwIfNoEntry: false });
      renameSync(this.#partial, this.#path);
      this.#prove();
      this.#replaced = before !== undefined;
    } else if (this.#link()) {
      this.#prove();
      this.#dropPartial();
    } else {
      if (lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) throw this.#cameIntoBeing();
      renameSync(this.#partial, this.#path);
      this.#prove();
    }
  }

  #link(): boolean {
    try {
      linkSync(this.#partial, this.#path);
      return true;
    } catch (error) {
      if (systemErrorCode(error) === "EEXIST") throw this.#cameIntoBeing();
      return false;
    }
  }

  /** Between the look at the name and its use it may have become another file's: then that one has our output's name. */
  #prove(): void {
    if (!leadsTo(this.#path, this.#identity)) {
      unlinkSync(this.#path);
      throw this.#exchanged();
    }
    this.#state = "named";
  }

  /** A folder that was exchanged while the name was given: the output is whole, and stays in the folder that was opened, wherever that is now. */
  #checkReached(): void {
    if (this.#folder.isReached()) return;
    this.#state = "gone";
    throw outsideItsFolder(this.#name, this.#folder, this.#final);
  }

  #dropPartial(): void {
    try {
      unlinkSync(this.#partial);
    } catch (error) {
      // The output is whole, and stays.
      this.#state = "gone";
      const why = describeSystemError(error);
      throw new DumpError(
        "NOT_WRITABLE",
        `its temporary name, ${this.#shown(this.#temporary)}, cannot be removed: ${why}`,
        {
          file: this.#name,
          cure: "Remove that name: both are the same file",
          left: `${this.#name} is there, and whole`,
          cause: error,
        },
      );
    }
  }

  /** Whether the file has a name still, whatever it is. */
  #hasName(): boolean {
    const fd = this.#held ?? this.#fd;
    return fd !== undefined && fstatSync(fd).nlink > 0;
  }

  #empty(): string {
    const fd = this.#held ?? this.#fd;
    try {
      if (fd === undefined) return "it holds dump data, remove it";
      ftruncateSync(fd, 0);
      return "it was made empty";
    } catch (error) {
      return `it holds dump data (${describeSystemError(error)}), remove it`;
    }
  }

  #forget(): void {
    for (const fd of [this.#fd, this.#held]) {
      try {
        if (fd !== undefined) closeSync(fd);
      } catch {
        // Nothing was written through it that matters.
      }
    }
    this.#fd = undefined;
    this.#held = undefined;
    this.#folder.letGo();
  }

  #shown(name: string): string {
    const path = join(this.#folder.name, name);
    return this.#isLinked ? unnamedPlace(path, name) : path;
  }

  #moved(): DumpError {
    return new DumpError("NOT_WRITABLE", "its folder was moved, or removed, while it was written", {
      file: this.#name,
      cure: "Look at who may write to the folders above it",
      left: NOTHING_LEFT,
    });
  }

  #exchanged(): DumpError {
    return new DumpError("NOT_WRITABLE", "something else took the place of its temporary file while it was written", {
      file: this.#name,
      cure: `Look at who may write to ${this.#folder.name}`,
      left: NOTHING_LEFT,
    });
  }

  #cameIntoBeing(): DumpError {
    return new DumpError("OUTPUT_EXISTS", "was created by somebody else while the dump was written", {
      file: this.#name,
      cure: "Name another file for the output",
    });
  }

  #failed(error: unknown): DumpError {
    const code = systemErrorCode(error);
    const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
    return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
      file: this.#name,
      cure: full ? `Make room, name another disk, or ${OPTION.smaller}` : "Check the disk or network share it is on",
      left: NOTHING_LEFT,
      cause: error,
    });
  }
}

/** Bytes of an output's name that its temporary name has: file systems allow 255 in all. */
const MOST_OF_NAME = 200;

/** As much of a name as a longer one has room for. */
function beginningOf(name: string): string {
  if (Buffer.byteLength(name) <= MOST_OF_NAME) return name;
  let beginning = "";
  for (const sign of name) {
    if (Buffer.byteLength(beginning) + Buffer.byteLength(sign) > MOST_OF_NAME) break;
    beginning += sign;
  }
  return beginning;
}

/** An output got its name in the folder that was opened for it, which is not the one of that name any more. `final` is its name in there. */
export function outsideItsFolder(name: string, folder: HeldFolder, final: string): DumpError {
  const left = `the output is whole, in ${whereabouts(folder, final)}`;
  return folderWasMoved(name, ", and move the output to where it belongs", left);
}

function whereabouts(folder: HeldFolder, final: string): string {
  try {
    const real = folder.realName();
    if (real !== undefined) return unnamedPlace(join(real, final), "the folder that was opened at the beginning");
  } catch {
    // It cannot be looked up any more.
  }
  return "the folder that was opened at the beginning";
}

/** The output's name was followed before this: where it really leads is known only when the folder is open. */
function openFolder(path: string, name: string): HeldFolder {
  let folder: HeldFolder | undefined;
  try {
    folder = HeldFolder.open(dirname(path));
    const real = folder.realName();
    if (real !== undefined) checkPlace(name, join(real, basename(path)));
    return folder;
  } catch (error) {
    folder?.letGo();
    throw error instanceof DumpError ? error : cannotBeCreated(name, error);
  }
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
