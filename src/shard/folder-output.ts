import { constants, lstatSync } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { type FileIdentity, fileIdentity, leadsTo } from "../reader/source/file-identity.js";
import { writeFullyAsync } from "../reader/source/full-io.js";
import { type HeldFolder, hasNoFolderSync, shownPath } from "../reader/source/held-folder.js";
import { discardSink } from "../writer/discard-sink.js";
import { outsideItsFolder } from "../writer/outside-folder.js";
import type { Sink } from "../writer/sink.js";
import { stagingError } from "./folder-staging.js";
import { giveAccess, type OutputAccess } from "./output-access.js";
import { seal, unseal } from "./sealed.js";
import type { Edge, RangeTarget, Staging } from "./staging.js";

/**
 * Shards write whole blocks only, and leave the bytes at their ends to the finishing job: if two hosts write to one
 * block of a file on a network share at the same time, the bytes of one may be lost (NFS clients may write whole pages
 * of up to 64 KiB).
 */
const BLOCK = 64 << 10;

/** The name of an output in its staging folder until it is complete. */
export const PARTIAL = "output.partial";

/** Does not follow a link that someone put in its place, and does not wait for a FIFO. */
const WRITE = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Makes the staging folder of a run, the plan's folder in it (both only for their owner), and the unfinished output. No
 * other function makes them: a worker that does not know yet that the run is over must not recreate them. Not an error
 * if they exist. Throws `NOT_WRITABLE`, `NO_SPACE`.
 */
export async function createPlanFolder(
  parent: HeldFolder,
  run: HeldFolder,
  folder: HeldFolder,
  isMade: () => Promise<boolean>,
): Promise<void> {
  try {
    // The held folders may have been removed.
    for (const one of [folder, run]) one.letGo();
    await createFolder(parent, run);
    await createFolder(run, folder);
    // The output is finished already; a new unfinished output would have no data.
    if (await isMade()) return;
    const file = await open(join(folder.path(), PARTIAL), WRITE | constants.O_CREAT, 0o600);
    await file.close();
  } catch (error) {
    throw failed(folder, error);
  }
}

async function createFolder(parent: HeldFolder, folder: HeldFolder): Promise<void> {
  await mkdir(join(parent.path(), basename(folder.name)), { mode: 0o700 }).catch((error: unknown) => {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  });
}

function failed(folder: HeldFolder, error: unknown): DumpError {
  return error instanceof DumpError ? error : stagingError(join(folder.name, PARTIAL), error);
}

/** Bytes of the unfinished output; `undefined` if there is none, or its folder is gone. */
export async function folderSize(folder: HeldFolder): Promise<number | undefined> {
  try {
    return (await stat(join(folder.path(), PARTIAL))).size;
  } catch {
    return undefined;
  }
}

/** A range [start, end) of the unfinished output in a staging folder. */
export async function folderRange(folder: HeldFolder, start: number, end: number): Promise<RangeTarget> {
  const path = join(folder.name, PARTIAL);
  const low = Math.min(end, Math.ceil(start / BLOCK) * BLOCK);
  const high = Math.max(low, Math.floor(end / BLOCK) * BLOCK);
  const edges: Edge[] = [];
  const file = await openPartial(folder);
  let isOpen = true;
  let reach = 0;
  return {
    async write(bytes, offset) {
      const after = offset + bytes.length;
      if (offset < start || after > end)
        throw new Error(`a shard writes [${offset}, ${after}) beyond its place [${start}, ${end})`);
      const keep = (from: number, to: number) => {
        if (to > from) edges.push({ offset: from, bytes: bytes.slice(from - offset, to - offset) });
      };
      keep(offset, Math.min(after, low));
      const [from, to] = [Math.max(offset, low), Math.min(after, high)];
      if (to > from) {
        await writeAll(file, path, bytes.subarray(from - offset, to - offset), from);
        reach = to;
      }
      keep(Math.max(offset, high), after);
    },
    async end() {
      try {
        await file.sync();
        isOpen = false;
        await file.close();
      } catch (error) {
        throw stagingError(path, error);
      }
      return { edges, parts: [], reach };
    },
    async abort() {
      if (isOpen) await file.close().catch(() => undefined);
      isOpen = false;
    },
  };
}

async function openPartial(folder: HeldFolder): Promise<FileHandle> {
  try {
    const file = await open(join(folder.path(), PARTIAL), WRITE);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    throw failed(folder, error);
  }
  throw exchanged(join(folder.name, PARTIAL));
}

async function writeAll(file: FileHandle, path: string, bytes: Uint8Array, offset: number): Promise<void> {
  try {
    await writeFullyAsync(file, bytes, offset);
  } catch (error) {
    throw stagingError(path, error);
  }
}

/** Where a finished output appears, and where it is until then. */
export interface SinkFolders {
  readonly parent: HeldFolder;
  readonly folder: HeldFolder;
  readonly staging: Staging;
}

/**
 * The whole unfinished output, for the job that finishes it. At the end it appears as `name` in `parent`. If two such
 * jobs run at once they write the same bytes; the second one finds the output in place, which also counts as success.
 */
export async function folderSink(
  { parent, folder, staging }: SinkFolders,
  name: string,
  force: boolean,
  access: OutputAccess = {},
): Promise<Sink> {
  const path = join(parent.path(), name);
  if (await isMadeInFolder(folder, staging, path)) return discardSink(shownPath(path));
  const partial = join(folder.name, PARTIAL);
  const file = await openPartial(folder);
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    name: shownPath(path),
    write: (bytes, offset) => (bytes.length === 0 ? undefined : writeAll(file, partial, bytes, offset)),
    async finish(size) {
      let isNamed = false;
      try {
        await file.truncate(size);
        await giveAccess(file, shownPath(path), access);
        await file.sync();
        await noteFinishing(staging, { ino: `${fileIdentity(file.fd).ino}`, size });
        await appear(join(folder.path(), PARTIAL), path, force, fileIdentity(file.fd));
        isNamed = true;
        if (!parent.isReached()) throw outsideItsFolder(shownPath(path), parent, basename(path));
        await close();
        await syncFolder(dirname(path));
        return undefined;
      } catch (error) {
        if (error instanceof DumpError) throw error;
        throw stagingError(path, error).with({ left: isNamed ? `${shownPath(path)} is there, and whole` : undefined });
      }
    },
    async abort() {
      await close().catch(() => undefined);
    },
  };
}

/**
 * Names the file that is about to get its name: the finishing process may die at that moment, and cannot record any
 * more that it is done.
 */
const FINISHING = "finishing.json";

interface Finishing {
  /** The file's inode number: hosts that share a folder see the same one, but may see different devices. */
  readonly ino: string;
  readonly size: number;
}

function noteFinishing(staging: Staging, value: Finishing): Promise<void> {
  return staging.write(FINISHING, seal(staging.plan, FINISHING, value));
}

/** Whether the unfinished output of this plan has already got its name. Throws `NOT_READABLE`. */
export async function isMadeInFolder(folder: HeldFolder, staging: Staging, path: string): Promise<boolean> {
  const note = unseal(staging.plan, FINISHING, await staging.read(FINISHING)) as Partial<Finishing> | undefined;
  if (note === undefined) return false;
  if ((await folderSize(folder)) !== undefined) return false;
  const made = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return made?.isFile() === true && `${made.ino}` === note.ino && Number(made.size) === note.size;
}

/** Gives the file with this identity its name, whatever has the unfinished output's name by now. */
async function appear(partial: string, path: string, force: boolean, file: FileIdentity): Promise<void> {
  const there = lstatSync(partial, { bigint: true, throwIfNoEntry: false });
  if (there !== undefined && there.ino !== file.ino) throw exchanged(partial);
  try {
    if (force) await rename(partial, path);
    else {
      await link(partial, path);
      // If it stays, it is removed with the staging, which reports an error.
      await unlink(partial).catch(() => undefined);
    }
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "EEXIST") {
      // Another job that finishes the same output was faster.
      if (leadsTo(path, file)) {
        await unlink(partial).catch(() => undefined);
        return;
      }
    }
    if (code === "EEXIST") {
      throw new DumpError("OUTPUT_EXISTS", "was created by somebody else while the dump was written", {
        file: shownPath(path),
        cure: "Name another file for the output",
      });
    }
    // A file system without links says so in many ways.
    const isFree = lstatSync(path, { throwIfNoEntry: false }) === undefined;
    if (force || !isFree) throw error;
    await rename(partial, path);
  }
  if (leadsTo(path, file)) return;
  // The file was exchanged between the check and its use.
  await unlink(path);
  throw exchanged(partial);
}

function exchanged(partial: string): DumpError {
  return new DumpError("NOT_WRITABLE", "something else took the place of the unfinished output", {
    file: shownPath(partial),
    cure: "Look at who may write to that folder; then cancel the run and submit the dump again",
  });
}

/** As in writer/partial-file.ts: Windows has no such operation, and refuses it (EPERM). */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!hasNoFolderSync(error)) throw error;
  } finally {
    await handle.close();
  }
}
