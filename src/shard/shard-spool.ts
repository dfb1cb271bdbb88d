import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DumpError } from "../errors.js";
import { writeFully } from "../reader/source/full-io.js";
import { readExact } from "../reader/source/own-file.js";
import { dropSpoolFile } from "../reader/source/spool/drop-spool.js";
import { openNameless } from "../reader/source/spool/nameless-file.js";
import { stagingError } from "./folder-staging.js";

/** A temporary file for one shard's page data, which have no place in the output yet. */
export interface ShardSpool {
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** Fills `into` from `offset` on. Throws `NOT_READABLE`, also if the file ends before. */
  read(into: Uint8Array, offset: number): void;
  close(): void;
}

/** Makes a spool in a folder of this host. */
export function createShardSpool(folder: string): ShardSpool {
  const path = join(folder, `.coresieve-shard-${randomBytes(6).toString("hex")}`);
  let opened: ReturnType<typeof openNameless>;
  try {
    opened = openNameless(path, folder);
  } catch (error) {
    throw error instanceof DumpError ? error : stagingError(path, error);
  }
  const { fd, path: named } = opened;
  const file = { fd, name: path };
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      try {
        writeFully(file.fd, bytes, size);
        size += bytes.length;
      } catch (error) {
        throw stagingError(folder, error);
      }
    },
    read: (into, offset) => readExact(file, into, offset),
    close() {
      dropSpoolFile(fd, named);
    },
  };
}
