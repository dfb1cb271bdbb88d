import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import { readFullyAsync, writeFullyAsync } from "../reader/source/full-io.js";
import { folderWasMoved, type HeldFolder, shownPath } from "../reader/source/held-folder.js";
import { checkStagedSize, type Staging } from "./staging.js";

/** Nothing in a staging folder is trusted: links are not followed, FIFOs are not waited for. */
export const PLAIN = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** The staging of a plan in its folder, which exists already: see `createPlanFolder`. */
export function folderStaging(folder: HeldFolder, plan: string): Staging {
  return {
    name: folder.name,
    plan,
    async read(name) {
      try {
        return await readWhole(join(folder.path(), name));
      } catch (error) {
        return unlessThere(folder, name, error);
      }
    },
    async *pieces(name) {
      try {
        yield* piecesOf(join(folder.path(), name));
      } catch (error) {
        unlessThere(folder, name, error);
      }
    },
    async write(name, bytes) {
      const temporary = `.${name}.${randomBytes(4).toString("hex")}`;
      try {
        const file = await open(join(folder.path(), temporary), "wx", 0o600);
        try {
          await writeFullyAsync(file, bytes, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(join(folder.path(), temporary), join(folder.path(), name));
        // The file is where no other host looks for it.
        if (!folder.isReached())
          throw folderWasMoved(join(folder.name, name), "; then cancel the run and submit the dump again");
      } catch (error) {
        await unlinkIn(folder, temporary).catch(() => undefined);
        throw error instanceof DumpError ? error : stagingError(folder.name, error);
      }
    },
  };
}

/**
 * Used instead of Node's `readFile`, which takes a short read for the end of the file and fails when it is interrupted
 * (seen with 20.20).
 */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | PLAIN);
  try {
    const { size } = await file.stat();
    checkStagedSize(size, shownPath(path));
    const bytes = new Uint8Array(size);
    const n = await readFullyAsync(file.fd, bytes, 0);
    return bytes.subarray(0, n);
  } finally {
    await file.close();
  }
}

/** Bytes of a piece. */
const PIECE = 1 << 20;

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | PLAIN);
  try {
    const piece = new Uint8Array(PIECE);
    for (let offset = 0; ; offset += PIECE) {
      const n = await readFullyAsync(file.fd, piece, offset);
      if (n > 0) yield piece.subarray(0, n);
      if (n < PIECE) return;
    }
  } finally {
    await file.close();
  }
}

/** Nothing for a file that does not exist. Throws `NOT_READABLE` for any other error. */
function unlessThere(folder: HeldFolder, name: string, error: unknown): undefined {
  if (error instanceof DumpError) throw error;
  if (systemErrorCode(error) === "ENOENT") return undefined;
  throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
    file: join(folder.name, name),
    cure: "Check the disk or network share it lies on",
    cause: error,
  });
}

async function unlinkIn(folder: HeldFolder, name: string): Promise<void> {
  await unlink(join(folder.path(), name));
}

/** Attempts to remove a folder: hosts that do not know yet that the run is over may add files meanwhile. */
const TRIES = 4;
/** A staging has folders nested two deep. Each open one uses a descriptor. */
const DEPTH = 16;

/**
 * Removes a file, a link, or a folder with its content. Each folder is held while it is emptied, so that no link can
 * lead out of it. Not an error if it does not exist.
 */
export async function removeIn(parent: HeldFolder, name: string, depth = DEPTH): Promise<void> {
  const folder = parent.within(name);
  try {
    for (let tries = TRIES; ; tries--) {
      const error = await removeOnce(parent, folder, name, depth).catch((error: unknown) => error);
      const code = systemErrorCode(error);
      // What has a name that is too long is not there, either.
      if (error === undefined || code === "ENOENT" || code === "ENAMETOOLONG") return;
      if (tries === 0 || (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "EBUSY")) throw error;
      await setTimeout(100);
    }
  } catch (error) {
    if (error instanceof DumpError) throw error;
    throw new DumpError("NOT_WRITABLE", `cannot be removed: ${describeSystemError(error)}`, {
      file: folder.name,
      cure: "Check that the workers may write there",
      cause: error,
    });
  } finally {
    folder.letGo();
  }
}

async function removeOnce(parent: HeldFolder, folder: HeldFolder, name: string, depth: number): Promise<void> {
  let path: string;
  try {
    path = folder.path();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOTDIR" || code === "ELOOP") return unlinkIn(parent, name);
    throw error;
  }
  if (depth > 0) for (const entry of await readdir(path)) await removeIn(folder, entry, depth - 1);
  await rmdir(join(parent.path(), name));
}

/** The error of a staging folder, or a file in it, that cannot be written. */
export function stagingError(file: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  if (code === "ENAMETOOLONG") {
    return new DumpError("BAD_OPTION", `cannot be written: ${describeSystemError(error)}`, {
      file: shownPath(file),
      cure: "Give the output a shorter name: those of a plan's files are up to 27 bytes longer",
      cause: error,
    });
  }
  const full = isWithoutRoom(error);
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
    file: shownPath(file),
    cure: full ? "Make room, or name another disk" : "Check that the workers may write there",
    cause: error,
  });
}
