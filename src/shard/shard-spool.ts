import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { writeSome } from "../reader/source/spool/write-some.js";
import { stagingError } from "./folder-staging.js";

/** A temporary file of one shard's page data, which have no place in the output yet. */
export interface ShardSpool {
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** Fills `into` from `offset` on; returns how many bytes there were. */
  read(into: Uint8Array, offset: number): number;
  close(): void;
}

/** Makes a spool in a folder of this host. It has no name, so that nothing is left of it whatever ends the process. */
export function createShardSpool(folder: string): ShardSpool {
  const path = join(folder, `.coresieve-shard-${randomBytes(6).toString("hex")}`);
  let fd: number;
  try {
    fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
  } catch (error) {
    throw stagingError(path, error);
  }
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      try {
        for (let done = 0; done < bytes.length; ) {
          const n = writeSome(fd, bytes, done, size);
          done += n;
          size += n;
        }
      } catch (error) {
        throw stagingError(folder, error);
      }
    },
    read: (into, offset) => readSync(fd, into, 0, into.length, offset),
    close() {
      closeSync(fd);
    },
  };
}
