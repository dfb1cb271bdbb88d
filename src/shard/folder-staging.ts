import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, readFile, rename, rmdir, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { writeFullyAsync } from "../reader/source/full-io.js";
import { type HeldFolder, shownPath } from "../reader/source/held-folder.js";
import type { Staging } from "./staging.js";

/** Nothing in a staging folder is trusted: a link is not followed, a FIFO not waited for. */
const PLAIN = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** A staging folder, which is there already: see `createStagingFolder`. It is in `parent`. */
export function folderStaging(parent: HeldFolder, folder: HeldFolder): Staging {
  return {
    name: folder.name,
    async read(name) {
      try {
        return new Uint8Array(await readFile(join(folder.path(), name), { flag: constants.O_RDONLY | PLAIN }));
      } catch (error) {
        if (error instanceof DumpError) throw error;
        if (systemErrorCode(error) === "ENOENT") return undefined;
        throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
          file: join(folder.name, name),
          cure: "Check the disk or network share it lies on",
          cause: error,
        });
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
      } catch (error) {
        await unlinkIn(folder, temporary).catch(() => undefined);
        throw error instanceof DumpError ? error : stagingError(folder.name, error);
      }
    },
    async remove() {
      folder.letGo();
      await removeIn(parent, basename(folder.name));
    },
  };
}

async function unlinkIn(folder: HeldFolder, name: string): Promise<void> {
  await unlink(join(folder.path(), name));
}

/** Tries to remove a folder: others may put files in meanwhile, of a run that they do not know to be over. */
const TRIES = 4;
/** A staging has folders in folders two deep. Each that is open costs a descriptor. */
const DEPTH = 16;

/** Removes a file, a link or a folder with all in it; each folder is held while it is emptied, so that no link can lead out of it. No error if there is none. */
async function removeIn(parent: HeldFolder, name: string, depth = DEPTH): Promise<void> {
  const folder = parent.within(name);
  try {
    for (let tries = TRIES; ; tries--) {
      try {
        for (const entry of await readdir(folder.path())) {
          if (depth > 0) await removeIn(folder, entry, depth - 1);
        }
        await rmdir(join(parent.path(), name));
        return;
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === "ENOENT") return;
        if (code === "ENOTDIR" || code === "ELOOP") {
          await unlinkIn(parent, name).catch((cause: unknown) => {
            if (systemErrorCode(cause) !== "ENOENT") throw cause;
          });
          return;
        }
        if (tries === 0 || (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "EBUSY")) throw error;
        await setTimeout(100);
      }
    }
  } catch (error) {
    throw error instanceof DumpError ? error : stagingError(folder.name, error);
  } finally {
    folder.letGo();
  }
}

/** A staging folder, or a file in it, that cannot be written. */
export function stagingError(file: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
    file: shownPath(file),
    cure: full ? "Make room, or name another disk" : "Check that the workers may write there",
    cause: error,
  });
}
