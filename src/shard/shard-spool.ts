import { randomBytes } from "node:crypto";
import { closeSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { fileIdentity, leadsTo } from "../reader/source/file-identity.js";
import { writeFully } from "../reader/source/full-io.js";
import { readExact } from "../reader/source/own-file.js";
import { stagingError } from "./folder-staging.js";

/** A temporary file for one shard's page data, which have no place in the output yet. */
export interface ShardSpool {
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** Fills `into` from `offset` on. Throws `NOT_READABLE`, also if the file ends before. */
  read(into: Uint8Array, offset: number): void;
  close(): void;
}

/** Makes a spool in a folder of this host. It has no name, so nothing is left of it however the process ends. */
export function createShardSpool(folder: string): ShardSpool {
  const path = join(folder, `.coresieve-shard-${randomBytes(6).toString("hex")}`);
  let fd: number | undefined;
  try {
    fd = openSync(path, "wx+", 0o600);
    if (!leadsTo(path, fileIdentity(fd))) throw new Error("another file has its name");
    unlinkSync(path);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw stagingError(path, error);
  }
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
      closeSync(file.fd);
    },
  };
}
