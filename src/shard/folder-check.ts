import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import type { HeldFolder } from "../reader/source/held-folder.js";
import { PARTIAL } from "./folder-output.js";
import { PLAIN } from "./folder-staging.js";
import type { ShardDone } from "./shard-done.js";
import type { Stretch } from "./shard-layout.js";
import type { Edge } from "./staging.js";

/** Bytes that are read back at once. */
const PIECE = 4 << 20;

/**
 * Whether the page data of a shard, including its edges, are what the shard recorded: reads them back and hashes them.
 * Any program may have changed the unfinished output since. Throws `NOT_READABLE`.
 */
export async function isSameInFolder(
  folder: HeldFolder,
  done: ShardDone,
  stretches: Iterable<Stretch>,
): Promise<boolean> {
  const path = join(folder.name, PARTIAL);
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE);
  let file: FileHandle | undefined;
  try {
    file = await open(join(folder.path(), PARTIAL), constants.O_RDONLY | PLAIN);
    for (const { start, end } of stretches) {
      for (let at = start; at < end; ) {
        const bytes = piece.subarray(0, Math.min(PIECE, end - at));
        // Bytes that the file lacks may be completely in the edges.
        bytes.fill(0);
        await readUpTo(file, bytes, at);
        for (const edge of done.edges) overlay(bytes, at, edge);
        hash.update(bytes);
        at += bytes.length;
      }
    }
  } catch (error) {
    if (["ENOENT", "ELOOP"].includes(systemErrorCode(error) ?? "")) return false;
    throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
      file: path,
      cure: "Check the disk or network share it lies on",
      cause: error,
    });
  } finally {
    await file?.close();
  }
  return hash.digest("hex") === done.sha256;
}

async function readUpTo(file: FileHandle, into: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) return;
    done += bytesRead;
  }
}

function overlay(bytes: Uint8Array, at: number, { offset, bytes: edge }: Edge): void {
  const from = Math.max(at, offset);
  const to = Math.min(at + bytes.length, offset + edge.length);
  if (to > from) bytes.set(edge.subarray(from - offset, to - offset), from - at);
}
