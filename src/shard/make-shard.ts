import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { DumpError } from "../errors.js";
import { encodeElfShard, encodeShard, type ShardWork } from "./encode-shard.js";
import { holdShard, placeHeld, readHeld, startOf } from "./held-shard.js";
import { isPossible } from "./left-shards.js";
import type { PlanPlace } from "./place.js";
import { readDone, readSize, type ShardSize, writeDone, writeSize } from "./shard-done.js";
import { elfStretch } from "./shard-layout.js";
import type { FinishPlan } from "./shard-plan.js";
import { createShardSpool, type ShardSpool } from "./shard-spool.js";
import type { RangeTarget } from "./staging.js";

/** How a worker makes a shard of an output that others write to as well. */
export interface ShardOptions {
  readonly place: Pick<PlanPlace, "staging" | "range" | "rangeFrom" | "isSame">;
  /** A folder of this host, for page data without a place. */
  readonly spoolDir: string;
  readonly host: string;
  /** Called when the shard is encoded: the rest needs no processor. */
  readonly onEncoded?: () => void;
  /**
   * Called now and then while this shard waits for an earlier one. If it throws, making the shard ends: the size of a
   * failed shard will never be known.
   */
  readonly onWaiting?: (before: number) => Promise<void>;
  /** Milliseconds to wait for the shards before; after that this shard is left in the staging. Default: no limit. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A shard that was made. */
export interface MadeShard extends ShardSize {
  /** Whether its data are in the output. If not, they wait in the staging, because shards before it are not encoded. */
  readonly placed: boolean;
}

/** Bytes that are moved at once. */
const PIECE = 4 << 20;
/** Milliseconds between checks whether the shards before are encoded. */
const LOOK_FIRST = 50;
const LOOK_LAST = 1000;

/**
 * Makes a shard of an output, or finds it done: then its data must be in the output as recorded, which is checked byte
 * for byte in a folder, and by checksums in a store. Page data of kdump output have their place only when all shards
 * before are encoded, because they are contiguous. Until then they are in a file of this host, and only then are
 * written to the share or the store. Throws what encoding and writing throw, and `ABORTED`.
 */
export async function makeShard(work: ShardWork, options: ShardOptions): Promise<MadeShard> {
  const { plan, index } = work;
  const { place, host } = options;
  const known = await foundDone(plan, index, place);
  if (known !== undefined) return { ...known, placed: true };
  if (plan.output.elf === undefined) return makeKdumpShard(work, options);
  const { start, end } = elfStretch(plan, index);
  const target = await place.range(plan, start, end);
  try {
    const { size, zeroPages, sha256 } = await encodeElfShard(work, target);
    options.onEncoded?.();
    const left = await target.end();
    await writeDone(place.staging, { index, size, zeroPages, start, sha256, records: undefined, ...left, host });
    return { index, size, zeroPages, placed: true };
  } catch (error) {
    await target.abort();
    throw error;
  }
}

async function foundDone(
  plan: FinishPlan,
  index: number,
  place: ShardOptions["place"],
): Promise<ShardSize | undefined> {
  const done = await readDone(place.staging, plan, index);
  if (done === undefined || !isPossible(plan, done) || !(await place.isSame(plan, done))) return undefined;
  const { size, zeroPages } = done;
  // Other shards wait for the size.
  if (plan.output.elf === undefined && (await readSize(place.staging, index))?.size !== size) {
    await writeSize(place.staging, { index, size, zeroPages });
  }
  return { index, size, zeroPages };
}

async function makeKdumpShard(work: ShardWork, options: ShardOptions): Promise<MadeShard> {
  const { plan, index } = work;
  const { place, spoolDir, host, signal } = options;
  const known = await foundHeld(plan, index, options);
  if (known !== undefined) return known;
  const start = await startNow(plan, index, place);
  if (start !== undefined && place.rangeFrom !== undefined) {
    return writeAsEncoded(work, options, start, await place.rangeFrom(plan, start));
  }
  const spool = createShardSpool(spoolDir);
  try {
    const encoded = await encodeShard(work, (bytes) => spool.append(bytes));
    const { records, sha256, size, zeroPages } = encoded;
    await writeSize(place.staging, { index, size, zeroPages });
    options.onEncoded?.();
    const start = await placeOf(plan, index, options);
    if (start === undefined) {
      await holdShard(place.staging, index, encoded, spool, host);
      return { index, size, zeroPages, placed: false };
    }
    const target = await place.range(plan, start, start + size);
    try {
      const placed = await move(spool, start, signal, (bytes, offset) => target.write(bytes, offset));
      if (placed !== sha256) throw spoolDamaged(spoolDir);
      const left = await target.end();
      await writeDone(place.staging, { index, size, zeroPages, start, sha256, records, ...left, host });
    } catch (error) {
      await target.abort();
      throw error;
    }
    return { index, size, zeroPages, placed: true };
  } finally {
    spool.close();
  }
}

/**
 * Where the last shard begins, if that is known: it needs no room of this host. Others do, for those behind them wait for their sizes, and these are known sooner
 * when nothing waits for the store.
 */
async function startNow(
  plan: FinishPlan,
  index: number,
  { staging, rangeFrom }: ShardOptions["place"],
): Promise<number | undefined> {
  if (rangeFrom === undefined || index + 1 < plan.shards.length) return undefined;
  return startOf(staging, plan, index, sizesOf(plan));
}

/** Writes a shard to where it belongs while it is encoded. */
async function writeAsEncoded(
  work: ShardWork,
  { place, host, onEncoded }: ShardOptions,
  start: number,
  target: RangeTarget,
): Promise<MadeShard> {
  const { index } = work;
  try {
    let at = start;
    const encoded = await encodeShard(work, async (bytes) => {
      await target.write(bytes, at);
      at += bytes.length;
    });
    const { size, zeroPages, sha256, records } = encoded;
    await writeSize(place.staging, { index, size, zeroPages });
    onEncoded?.();
    const left = await target.end();
    await writeDone(place.staging, { index, size, zeroPages, start, sha256, records, ...left, host });
    return { index, size, zeroPages, placed: true };
  } catch (error) {
    await target.abort();
    throw error;
  }
}

/** If a shard waits in the staging, it gets its place, if that is known by now, and is not encoded again. */
async function foundHeld(
  plan: FinishPlan,
  index: number,
  { place, patience }: ShardOptions,
): Promise<MadeShard | undefined> {
  // With unlimited patience no shard is left in the staging.
  if (patience === undefined) return undefined;
  const held = await readHeld(place.staging, plan, index);
  if (held === undefined) return undefined;
  const { size, zeroPages } = held;
  const start = await startOf(place.staging, plan, index, sizesOf(plan));
  if (start === undefined) return { index, size, zeroPages, placed: false };
  return (await placeHeld(place, plan, held, start)) ? { index, size, zeroPages, placed: true } : undefined;
}

/**
 * Sizes of shards that this process knows, by plan; they do not depend on which host makes them. Without this map each
 * shard would read those of all shards before it: for 600 shards that is 360,000 requests to a store, instead of 1,200
 * by each worker.
 */
const sizes = new WeakMap<FinishPlan, Map<number, number>>();

function sizesOf(plan: FinishPlan): Map<number, number> {
  const known = sizes.get(plan) ?? new Map<number, number>();
  sizes.set(plan, known);
  return known;
}

/**
 * Waits until all shards before are encoded. Returns where this one begins in the file; `undefined` if that took too
 * long.
 */
async function placeOf(
  plan: FinishPlan,
  index: number,
  { place, signal, onWaiting, patience = Number.POSITIVE_INFINITY }: ShardOptions,
): Promise<number | undefined> {
  const here = sizesOf(plan);
  const until = performance.now() + patience;
  let pause = LOOK_FIRST;
  for (let waited = 0; ; ) {
    const start = await startOf(place.staging, plan, index, here);
    if (start !== undefined) return start;
    const before = firstUnknown(here, index);
    if (before > waited) pause = LOOK_FIRST;
    waited = before;
    if (pause === LOOK_LAST) await onWaiting?.(before);
    if (performance.now() >= until) return undefined;
    try {
      await setTimeout(pause, undefined, signal === undefined ? {} : { signal });
    } catch {
      throw new DumpError("ABORTED", "stopped while it waited for earlier shards");
    }
    pause = Math.min(LOOK_LAST, pause * 2);
  }
}

function firstUnknown(sizes: ReadonlyMap<number, number>, index: number): number {
  let before = 0;
  while (before < index && sizes.has(before)) before++;
  return before;
}

/** Copies a whole spool; returns its digest. */
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
  return new DumpError("NOT_READABLE", "a temporary file was changed after it was written", {
    file: folder,
    cure: "Check the disk, or name another folder for temporary files (--spool-dir)",
  });
}
