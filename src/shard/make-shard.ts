import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { DumpError } from "../errors.js";
import { elfStretch, encodeElfShard, encodeShard, kdumpDataStart, type ShardWork } from "./encode-shard.js";
import { readDoneSize, readSize, type ShardSize, writeDone, writeSize } from "./shard-done.js";
import type { ShardPlan } from "./shard-plan.js";
import { createShardSpool, type ShardSpool } from "./shard-spool.js";
import type { RangeTarget, Staging } from "./staging.js";

/** How a worker makes a shard of an output that others write to as well. */
export interface ShardOptions {
  /** Opens a stretch [start, end) of the unfinished output. */
  readonly range: (start: number, end: number) => Promise<RangeTarget>;
  readonly staging: Staging;
  /** A folder of this host, for page data that have no place yet. */
  readonly spoolDir: string;
  readonly host: string;
  /** The shard is encoded: what is left needs no processor. */
  readonly onEncoded?: () => void;
  /** Called now and then while a shard before is waited for. What it throws ends this one: of a shard that failed the size will never be known. */
  readonly onWaiting?: (before: number) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes moved at once. */
const PIECE = 4 << 20;
/** Milliseconds between two looks at whether the shards before are encoded. */
const LOOK_FIRST = 50;
const LOOK_LAST = 1000;

/**
 * Makes a shard of an output, or finds it done. Page data of kdump output have their place when all shards before are
 * encoded, for they lie behind each other: until then they are in a file of this host, and only then the share or the store gets them. Throws what encoding
 * and writing throw, and `ABORTED`.
 */
export async function makeShard(work: ShardWork, options: ShardOptions): Promise<ShardSize> {
  const { plan, index } = work;
  const { staging, host } = options;
  const known = await readDoneSize(staging, index);
  if (known !== undefined) return known;
  if (plan.output.elf === undefined) return makeKdumpShard(work, options);
  const { start, end } = elfStretch(plan, index);
  const target = await options.range(start, end);
  try {
    const { size, zeroPages, sha256 } = await encodeElfShard(work, target);
    options.onEncoded?.();
    const edges = await target.end();
    await writeDone(staging, { index, size, zeroPages, start, sha256, records: undefined, edges, host });
    return { index, size, zeroPages };
  } catch (error) {
    await target.abort();
    throw error;
  }
}

async function makeKdumpShard(work: ShardWork, options: ShardOptions): Promise<ShardSize> {
  const { plan, index } = work;
  const { staging, spoolDir, host, signal } = options;
  const spool = createShardSpool(spoolDir);
  try {
    const { records, sha256, size, zeroPages } = await encodeShard(work, (bytes) => spool.append(bytes));
    await writeSize(staging, { index, size, zeroPages });
    options.onEncoded?.();
    const start = await placeOf(plan, index, options);
    const target = await options.range(start, start + size);
    try {
      const placed = await move(spool, start, signal, (bytes, offset) => target.write(bytes, offset));
      if (placed !== sha256) throw spoolDamaged(spoolDir);
      const edges = await target.end();
      await writeDone(staging, { index, size, zeroPages, start, sha256, records, edges, host });
    } catch (error) {
      await target.abort();
      throw error;
    }
    return { index, size, zeroPages };
  } finally {
    spool.close();
  }
}

/**
 * Sizes of shards that this process knows, by plan; they are the same whoever makes them. Without it each shard would ask for those of all
 * before it: of 600 shards that is 360,000 requests to a store, in place of 1,200 by each worker.
 */
const sizes = new WeakMap<ShardPlan, Map<number, number>>();

/** Waits until all shards before are encoded. Returns where this one begins in the file. */
async function placeOf(plan: ShardPlan, index: number, { staging, signal, onWaiting }: ShardOptions): Promise<number> {
  let start = kdumpDataStart(plan);
  let pause = LOOK_FIRST;
  const here = sizes.get(plan) ?? new Map<number, number>();
  sizes.set(plan, here);
  for (let before = 0; before < index; ) {
    const known = here.get(before) ?? (await readSize(staging, before))?.size;
    if (known !== undefined) {
      here.set(before, known);
      start += known;
      before++;
      pause = LOOK_FIRST;
      continue;
    }
    if (pause === LOOK_LAST) await onWaiting?.(before);
    try {
      await setTimeout(pause, undefined, signal === undefined ? {} : { signal });
    } catch {
      throw new DumpError("ABORTED", "stopped while it waited for the shards before");
    }
    pause = Math.min(LOOK_LAST, pause * 2);
  }
  return start;
}

/** Copies all of a spool; returns its digest. */
async function move(
  spool: ShardSpool,
  start: number,
  signal: AbortSignal | undefined,
  write: (bytes: Uint8Array, offset: number) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, Math.max(1, spool.size)));
  for (let at = 0; at < spool.size; ) {
    const bytes = piece.subarray(0, Math.min(piece.length, spool.size - at));
    spool.read(bytes, at);
    hash.update(bytes);
    await write(bytes, start + at);
    at += bytes.length;
    if (signal?.aborted) throw new DumpError("ABORTED", "stopped while it was written");
  }
  return hash.digest("hex");
}

function spoolDamaged(folder: string): DumpError {
  return new DumpError("NOT_READABLE", "a temporary file is not as it was written", {
    file: folder,
    cure: "Check the disk, or name another folder for temporary files (--spool-dir)",
  });
}
