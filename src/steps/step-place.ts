import { lstatSync } from "node:fs";
import { mkdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import { HeldFolder } from "../reader/source/held-folder.js";
import { folderStaging, stagingError } from "../shard/folder-staging.js";
import type { StoreThread } from "../store/open-store.js";
import { readObject } from "../store/read-object.js";
import { isStorePath, parseStorePath, storePath } from "../store/store-url.js";

/**
 * How all hosts identify a run by commands: a folder or a prefix of a store, with a few small files. Plan and shards
 * are next to the output, in the run's staging, like those of the queue. A file is either complete or does not exist.
 */
export interface StepPlace {
  readonly name: string;
  /** Makes the place. Not an error if it exists. Returns whether a folder was made. */
  create(): Promise<boolean>;
  /** `undefined` if there is no such file, or no such place. */
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes these files, and the place if it is then empty. Not an error if there is nothing. */
  remove(names: readonly string[]): Promise<void>;
  /** Releases the place. Never throws. */
  letGo(): void;
}

/** The place with that name: `path` is a folder, or `s3://BUCKET/PREFIX`. Only places in stores call `store`. */
export async function stepPlace(path: string, store: () => Promise<StoreThread>): Promise<StepPlace> {
  return isStorePath(path) ? objectStepPlace(path, await store()) : folderStepPlace(path);
}

function folderStepPlace(path: string): StepPlace {
  let held: HeldFolder | undefined;
  const folder = () => {
    held ??= HeldFolder.open(path);
    return held;
  };
  return {
    name: path,
    async create() {
      try {
        // Only for the owner: anyone who can write there can have files filtered by the user who runs the steps.
        const made = await mkdir(path, { mode: 0o700 }).then(
          () => true,
          (error: unknown) => {
            if (systemErrorCode(error) !== "EEXIST") throw error;
            return false;
          },
        );
        folder();
        return made;
      } catch (error) {
        throw stagingError(path, error);
      }
    },
    async read(name) {
      try {
        return await folderStaging(folder(), "").read(name);
      } catch (error) {
        if (error instanceof DumpError) throw error;
        if (systemErrorCode(error) === "ENOENT") return undefined;
        throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
          file: path,
          cure: "Check its name, and that it is a folder that this host can reach",
          cause: error,
        });
      }
    },
    write: (name, bytes) => folderStaging(folder(), "").write(name, bytes),
    async remove(names) {
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
      try {
        for (const name of names) await unlessGone(() => unlink(join(folder().path(), name)));
        await unlessGone(() => rmdir(path));
      } catch (error) {
        throw stagingError(path, error);
      }
    },
    letGo: () => held?.letGo(),
  };
}

async function unlessGone(does: () => Promise<void>): Promise<void> {
  await does().catch((error: unknown) => {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(systemErrorCode(error) ?? "")) throw error;
  });
}

/** The most bytes of a file of a place: options with the text of erase rules and VMCOREINFO. */
const MOST = 4 << 20;

function objectStepPlace(path: string, store: StoreThread): StepPlace {
  const { bucket, key } = parseStorePath(path, true);
  const prefix = key === "" || key.endsWith("/") ? key : `${key}/`;
  const at = (name: string) => ({ bucket, key: prefix + name });
  return {
    name: storePath({ bucket, key: prefix }),
    create: async () => false,
    read: (name) =>
      readObject(store, at(name), (size) => {
        if (size <= MOST) return;
        throw new DumpError("LIMIT", `has ${size} bytes, more than ${MOST}`, { file: storePath(at(name)) });
      }),
    write: (name, bytes) => store.put(at(name), bytes, { force: true }),
    async remove(names) {
      for (const name of names) await store.remove(at(name));
    },
    letGo: () => undefined,
  };
}
