import { createHash } from "node:crypto";
import { DumpError } from "../errors.js";
import { clearBits, copyOfBitmap, findBit } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { PAGE_DESC_SIZE } from "../reader/kdump/layout.js";
import { encodeDump } from "../worker/encode-dump.js";
import { WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import { discardSink } from "../writer/discard-sink.js";
import type { EncodedPages } from "../writer/dump-writer.js";
import { ElfWriter } from "../writer/elf-writer.js";
import { headBytes } from "../writer/kdump-writer.js";
import { codecFingerprint } from "./codec-fingerprint.js";
import type { ShardPlan, ShardRange } from "./shard-plan.js";
import type { RangeTarget } from "./staging.js";

/** What encodes a shard. */
export interface ShardWork {
  readonly plan: ShardPlan;
  readonly index: number;
  /** The input, opened as it was for the plan. */
  readonly dump: Dump;
  readonly threads: WorkerThreads;
  readonly signal?: AbortSignal | undefined;
  /** Pages done. */
  readonly onProgress?: ((pages: number) => void) | undefined;
}

/** A shard's pages, encoded. */
export interface EncodedShard {
  /** Bytes of page data. */
  readonly size: number;
  readonly zeroPages: number;
  /** Of the page data. */
  readonly sha256: string;
  /** One word per kept page: see page-record.ts. */
  readonly records: Uint32Array;
}

export function shardOf({ shards }: ShardPlan, index: number): ShardRange {
  const shard = shards[index];
  if (shard === undefined) throw new Error(`there is no shard ${index}`);
  return shard;
}

/** Where page data begin in kdump output. */
export function kdumpDataStart({ output: { facts }, kept }: ShardPlan): number {
  const zeroPage = (facts.dumpLevel & 1) === 0 ? 0 : facts.pageSize;
  return headBytes(facts) + kept * PAGE_DESC_SIZE + zeroPage;
}

/**
 * Encodes a shard of kdump output; `append` gets its page data in order. Throws what reading and encoding throw, and `UNSUPPORTED`
 * where the codec is another than the planner's.
 */
export async function encodeShard(
  work: ShardWork,
  append: (bytes: Uint8Array) => void | Promise<void>,
): Promise<EncodedShard> {
  const { plan, index } = work;
  const records = new Uint32Array(shardOf(plan, index).pages);
  const hash = createHash("sha256");
  let pages = 0;
  let size = 0;
  const zeroPages = await encodeRange(work, async (encoded) => {
    records.set(encoded.records, pages);
    pages += encoded.records.length;
    size += encoded.data.length;
    hash.update(encoded.data);
    await append(encoded.data);
  });
  return { size, zeroPages, sha256: hash.digest("hex"), records };
}

/** A stretch [start, end) of a file, in bytes. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Of plans of ELF output: all shards' stretches. To find one, the whole bitmap is looked through. */
const stretches = new WeakMap<ShardPlan, readonly Stretch[]>();

/** The stretch of ELF output that a shard's pages lie in. */
export function elfStretch(plan: ShardPlan, index: number): Stretch {
  const known = stretches.get(plan) ?? allStretches(plan);
  stretches.set(plan, known);
  return known[index] as Stretch;
}

function allStretches(plan: ShardPlan): readonly Stretch[] {
  const writer = elfWriter(plan, { write: async () => undefined });
  return plan.shards.map(({ startPfn, endPfn }) => {
    const first = findBit(plan.keptBits, startPfn, endPfn, true);
    if (first === endPfn) return { start: 0, end: 0 };
    let last = endPfn - 1;
    while (findBit(plan.keptBits, last, last + 1, true) > last) last--;
    return { start: writer.offsetOf(first), end: writer.offsetOf(last) + plan.pageSize };
  });
}

/** Where the page data of a shard lie in the file, ascending: ELF output has holes between them. `start` and `size` are those of kdump output. */
export function* dataStretches(plan: ShardPlan, index: number, start: number, size: number): Generator<Stretch> {
  if (plan.output.elf === undefined) {
    if (size > 0) yield { start, end: start + size };
    return;
  }
  const { startPfn, endPfn } = shardOf(plan, index);
  const writer = elfWriter(plan, { write: async () => undefined });
  for (let pfn = findBit(plan.keptBits, startPfn, endPfn, true); pfn < endPfn; ) {
    const end = findBit(plan.keptBits, pfn, endPfn, false);
    const at = writer.offsetOf(pfn);
    yield { start: at, end: at + (end - pfn) * plan.pageSize };
    pfn = findBit(plan.keptBits, end, endPfn, true);
  }
}

/** Writes a shard of ELF output to where its pages belong. Throws as `encodeShard` does. */
export async function encodeElfShard(work: ShardWork, target: RangeTarget): Promise<Omit<EncodedShard, "records">> {
  const hash = createHash("sha256");
  const writer = elfWriter(work.plan, target);
  let size = 0;
  await encodeRange(work, async (encoded) => {
    hash.update(encoded.data);
    size += encoded.data.length;
    await writer.add(encoded);
  });
  return { size, zeroPages: 0, sha256: hash.digest("hex") };
}

function elfWriter({ output: { facts, elf }, keptBits }: ShardPlan, target: Pick<RangeTarget, "write">): ElfWriter {
  if (elf === undefined) throw new Error("the output is no ELF file");
  return new ElfWriter({ ...discardSink("a shard"), write: target.write }, facts, { kept: keptBits, ...elf });
}

/** Pass 2 over the pages of a shard. Returns how many were zero and have no bytes. */
async function encodeRange(
  { plan, index, dump, threads, signal, onProgress }: ShardWork,
  add: (pages: EncodedPages) => Promise<void>,
): Promise<number> {
  const { startPfn, endPfn } = shardOf(plan, index);
  const { codec, pageSize, maxMapnr, erase, stackTops } = plan;
  if (codecFingerprint(codec, pageSize) !== plan.fingerprint) {
    throw new DumpError("UNSUPPORTED", `${codec.name} gives other bytes here than where the run was planned`, {
      cure: "Run the same Node and the same zstd-napi on all workers, or choose zlib at level 1, lzo or snappy",
    });
  }
  // Its own pages and no others: the tasks of pass 2 are cut by this bitmap.
  const kept = copyOfBitmap(plan.keptBits);
  clearBits(kept, 0, startPfn);
  clearBits(kept, endPfn, maxMapnr);
  const pool = new WorkerPool(
    threads,
    {
      image: { ...dump.image, pageSize },
      ...{ pageSize, kept, codec, erase },
      kernel: undefined,
      dedupe: false,
      ...(stackTops === undefined ? {} : { stackTops }),
    },
    signal,
  );
  try {
    const done = (pages: number) => onProgress?.(pages);
    // The last task goes on to the end of the bitmap, where there are other shards' pages.
    const own = (pages: EncodedPages) => add({ ...pages, endPfn: Math.min(pages.endPfn, endPfn) });
    return await encodeDump(pool, { kept, maxMapnr }, plan.dropsZeros, { add: own }, done);
  } finally {
    await pool.end();
  }
}
