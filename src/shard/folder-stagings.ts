import type { Dirent, Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { folderPlace } from "./folder-place.js";
import type { FoundStaging, LeftStaging, StagingPlace } from "./left-staging.js";
import { isPlanFolder, isStagingFile, parseStaging } from "./staging-names.js";

/** Finds stagings in a folder and all folders in it. Links are not followed: their targets must be named themselves. */
export function folderStagings(root: string): StagingPlace {
  return {
    async *find(onFailure) {
      const open = [root];
      for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
        // A name may end with a slash, or be ".".
        const found = parseStaging(resolve(folder));
        if (found !== undefined) {
          yield { path: resolve(folder), ...found };
          continue;
        }
        try {
          for (const entry of await entries(folder)) if (entry.isDirectory()) open.push(join(folder, entry.name));
        } catch (error) {
          if (folder === root) throw error;
          // A folder that was removed meanwhile contains nothing.
          if (!(error instanceof DumpError && systemErrorCode(error.cause) === "ENOENT")) onFailure(error, folder);
        }
      }
    },
    look,
    async remove({ output, id }) {
      const place = folderPlace(output, id);
      try {
        await place.remove();
      } finally {
        place.letGo();
      }
    },
  };
}

async function look(found: FoundStaging): Promise<LeftStaging | undefined> {
  const own = await statOf(found.path);
  if (own?.isDirectory() !== true) return undefined;
  const sum = { bytes: 0, written: own.mtimeMs, foreign: undefined as string | undefined };
  const add = async (path: string, entry: Dirent) => {
    const stat = await statOf(join(found.path, path));
    if (stat === undefined) return;
    // A run makes only files, in folders of plans.
    const isPlan = stat.isDirectory() && isPlanFolder(path);
    if (!isPlan && !(stat.isFile() && isStagingFile(path))) sum.foreign ??= path;
    sum.bytes += stat.isFile() ? stat.blocks * 512 : 0;
    sum.written = Math.max(sum.written, stat.mtimeMs);
    if (!isPlan || !entry.isDirectory()) return;
    for (const inner of await entries(join(found.path, path))) await add(`${path}/${inner.name}`, inner);
  };
  for (const entry of await entries(found.path)) await add(entry.name, entry);
  return { ...found, ...sum };
}

async function entries(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw unreadable(folder, error);
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): DumpError {
  return new DumpError("NOT_READABLE", `cannot be looked into: ${describeSystemError(error)}`, {
    file: path,
    cure: "Check its name, and that you may read it",
    cause: error,
  });
}
