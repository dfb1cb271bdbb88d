import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { writeFullyAsync } from "../reader/source/full-io.js";
import type { Staging } from "./staging.js";

/** A staging folder, which is there already: see `createStagingFolder`. */
export function folderStaging(folder: string): Staging {
  return {
    name: folder,
    async read(name) {
      try {
        return new Uint8Array(await readFile(join(folder, name)));
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return undefined;
        throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
          file: join(folder, name),
          cure: "Check the disk or network share it lies on",
          cause: error,
        });
      }
    },
    async write(name, bytes) {
      const temporary = join(folder, `.${name}.${randomBytes(4).toString("hex")}`);
      try {
        const file = await open(temporary, "wx", 0o600);
        try {
          await writeFullyAsync(file, bytes, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, join(folder, name));
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw stagingError(folder, error);
      }
    },
    async remove() {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** A staging folder, or a file in it, that cannot be written. */
export function stagingError(file: string, error: unknown): DumpError {
  const code = systemErrorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be written: ${describeSystemError(error)}`, {
    file,
    cure: full ? "Make room, or name another disk" : "Check that the workers may write there",
    cause: error,
  });
}
