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
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import { type FileIdentity, fileIdentity, leadsTo } from "../reader/source/file-identity.js";
import { writeFully } from "../reader/source/full-io.js";
import { HeldFolder, syncFolder } from "../reader/source/held-folder.js";
import { forgetUnfinished, watchUnfinished } from "../unfinished.js";
import { nameTaken } from "./named-files.js";
import { beginningOf, dropTurn, namingFile, takeTurn } from "./naming-turn.js";
import { cannotBeCreated, checkPlace } from "./output-path.js";
import { outsideItsFolder } from "./outside-folder.js";

/** How a file gets its name. */
export interface NamingOptions {
  /** Whether it may replace another one. */
  readonly force: boolean;
  /** Whether to wait for the disk first. */
  readonly sync: boolean;
  /** Called when it has its name, while it is still open. */
  readonly onNamed?: ((file: FileIdentity) => void) | undefined;
}

/**
 * Reading and writing, without waiting for a FIFO and without following a link that someone put in the file's place.
 */
const HOLD = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * A file that is written under another name in its folder, created exclusively and readable only by its owner, and that
 * gets its name when it is complete. Only the file that was opened here (identified by its inode) gets the name;
 * otherwise nothing does. Throws `NOT_WRITABLE`, `NO_SPACE`, `OUTPUT_EXISTS`.
 */
export class PartialFile {
  /** Whether the name is a link: then the user did not name its target. */
  readonly #isLinked: boolean;
  /** Its folder, looked up once. Everything is done in it, even if another folder gets its name meanwhile. */
  readonly #folder: HeldFolder;
  /** The final name in the folder, and the temporary one. */
  readonly #final: string;
  readonly #temporary: string;
  readonly #identity: FileIdentity;
  #fd: number | undefined;
  /**
   * A second descriptor, opened because the first one has to be closed before the file gets its name: while one is
   * open, no other file can have its inode.
   */
  #held: number | undefined;
  #state: "open" | "named" | "gone" = "open";
  /** Whether another file had the name, which is gone now. */
  #replaced = false;
  #left: string | undefined;

  constructor(
    path: string,
    /** Its name in messages. */
    private readonly name: string,
  ) {
    this.#isLinked = path !== name;
    this.#final = basename(path);
    // Two runs that write into the same folder need different names. The name need not be secret, because it is created
    // exclusively.
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

  /** The path for system calls. Throws if the folder cannot be reached any more. */
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

  /** The path where it can be read before it gets its name. Throws if the folder cannot be reached any more. */
  partialPath(): string {
    return this.#partial;
  }

  /** Everything is written: sets the length to `size` bytes. The file may be named later. */
  cut(size: number): void {
    const fd = this.#openFd();
    try {
      if (fstatSync(fd).size !== size) ftruncateSync(fd, size);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /**
   * Everything is written: sets the length to `size` bytes, and gives the file its name.
   */
  finish(size: number, { force, sync, onNamed }: NamingOptions): void {
    const fd = this.#openFd();
    try {
      if (fstatSync(fd).size !== size) ftruncateSync(fd, size);
      if (sync) fsyncSync(fd);
      this.#hold();
      // Network file systems may report failed writes only now.
      this.#fd = undefined;
      closeSync(fd);
      this.#appear(force);
      if (sync) syncFolder(this.#folder.path());
      this.#checkReached();
      onNamed?.(this.#identity);
    } catch (error) {
      throw error instanceof DumpError ? error : this.#failed(error);
    }
    forgetUnfinished(this);
    this.#forget();
  }

  /** Removes the file, under either name. If it cannot be removed, empties it. Never throws. */
  discard(): void {
    forgetUnfinished(this);
    if (this.#state === "gone") {
      this.#forget();
      return;
    }
    const isNamed = this.#state === "named";
    const name = isNamed ? this.#final : this.#temporary;
    const isFinished = (this.#fd ?? this.#held) === undefined;
    this.#state = "gone";
    let why: string | undefined;
    try {
      const path = join(this.#folder.path(), name);
      if (leadsTo(path, this.#identity)) unlinkSync(path);
      else if (isNamed || this.#names() > 0) {
        // What another run put there by now is that run's output, and this file is gone.
        const isReplaced = isFinished && lstatSync(path, { throwIfNoEntry: false }) !== undefined;
        if (!isReplaced) why = "it has another name now";
      }
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

  /** What could not be removed by `discard`. */
  leftBehind(): string | undefined {
    return this.#left;
  }

  #openFd(): number {
    // A caller still writes to a file that was abandoned. Its number may be another file's by now.
    if (this.#fd === undefined || this.#state !== "open") throw new Error("an output is written to that was closed");
    return this.#fd;
  }

  #hold(): void {
    try {
      this.#held = openSync(this.#partial, HOLD);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "ENOENT" && this.#names() === 0) throw error;
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

  /** A link never replaces a file that was created meanwhile. File systems without links use a rename. */
  #appear(force: boolean): void {
    if (!leadsTo(this.#partial, this.#identity)) throw this.#exchanged();
    // Otherwise the output would be in that folder, and not where the run says.
    if (!this.#folder.isReached()) throw this.#moved();
    if (force) {
      const before = lstatSync(this.#path, { throwIfNoEntry: false });
      this.#rename();
      this.#replaced = before !== undefined;
    } else if (this.#link()) {
      this.#prove();
      this.#drop(this.#partial, this.#temporary, "Remove that name: both are the same file");
    } else this.#renameAlone();
  }

  /**
   * Without links: a rename replaces what has the name, so between the look at the name and the rename no other run may
   * do the same. The one that creates a file of this name may.
   */
  #renameAlone(): void {
    const turn = join(this.#folder.path(), namingFile(this.#final));
    takeTurn(turn, this.name, this.#shown(namingFile(this.#final)));
    try {
      if (lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) throw this.#cameIntoBeing();
      this.#rename();
    } catch (error) {
      dropTurn(turn);
      throw error;
    }
    this.#drop(turn, namingFile(this.#final), "Remove it");
  }

  /**
   * A server of a network file system whose answer was lost is asked again, and says of what it has done that there is
   * no such file, or that the name exists (NFS). The file that has the name shows it.
   */
  #rename(): void {
    try {
      renameSync(this.#partial, this.#path);
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT" || !leadsTo(this.#path, this.#identity)) throw error;
    }
    this.#prove();
  }

  #link(): boolean {
    try {
      linkSync(this.#partial, this.#path);
      return true;
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") return false;
      if (leadsTo(this.#path, this.#identity)) return true;
      throw this.#cameIntoBeing();
    }
  }

  /**
   * Between the check of the name and its use it may have become another file's: then that file got the output's name,
   * and loses it. A file that another run put there afterwards is left alone.
   */
  #prove(): void {
    if (leadsTo(this.#path, this.#identity)) {
      this.#state = "named";
      return;
    }
    if (this.#isReplaced()) throw nameTaken(this.name);
    unlinkSync(this.#path);
    throw this.#exchanged();
  }

  /** Whether this file had the output's name, and lost it: by a link it still has the other one, by a rename none. */
  #isReplaced(): boolean {
    if (leadsTo(this.#partial, this.#identity)) return true;
    return this.#names() === 0 && lstatSync(this.#path, { throwIfNoEntry: false })?.isSymbolicLink() !== true;
  }

  /**
   * The folder was exchanged while the name was given: the output is complete, and stays in the folder that was opened,
   * wherever that is now.
   */
  #checkReached(): void {
    if (this.#folder.isReached()) return;
    this.#state = "gone";
    throw outsideItsFolder(this.name, this.#folder, this.#final);
  }

  /** Removes a name that is not needed once the output has its own. */
  #drop(path: string, name: string, cure: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      // Asked again, as in #rename: the other name is gone if one is left.
      if (systemErrorCode(error) === "ENOENT" && this.#names() === 1) return;
      // The output is complete, and stays.
      this.#state = "gone";
      const why = describeSystemError(error);
      throw new DumpError("NOT_WRITABLE", `its temporary name, ${this.#shown(name)}, cannot be removed: ${why}`, {
        file: this.name,
        cure,
        left: `${this.name} is there, and whole`,
        cause: error,
      });
    }
  }

  /** How many names the file still has, whatever they are. */
  #names(): number {
    const fd = this.#held ?? this.#fd;
    return fd === undefined ? 0 : fstatSync(fd).nlink;
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
        // No data depend on closing it.
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
      file: this.name,
      cure: "Look at who may write to the folders above it",
      left: NOTHING_LEFT,
    });
  }

  #exchanged(): DumpError {
    return new DumpError("NOT_WRITABLE", "something else took the place of its temporary file while it was written", {
      file: this.name,
      cure: `Look at who may write to ${this.#folder.name}`,
      left: NOTHING_LEFT,
    });
  }

  #cameIntoBeing(): DumpError {
    return new DumpError("OUTPUT_EXISTS", "was created by somebody else while the dump was written", {
      file: this.name,
      cure: "Name another file for the output",
    });
  }

  #failed(error: unknown): DumpError {
    const full = isWithoutRoom(error);
    return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
      file: this.name,
      cure: full ? `Make room, name another disk, or ${OPTION.smaller}` : "Check the disk or network share it is on",
      left: NOTHING_LEFT,
      cause: error,
    });
  }
}

/**
 * Opens the folder of an output. Its name was resolved before, but where it really leads is known only when it is open.
 */
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
