import { createHash } from "node:crypto";
import { DumpError } from "../errors.js";
import { partOfBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { sharedBytes } from "../store/shared-bytes.js";
import { encodeDump } from "../worker/encode-dump.js";
import { WorkerPool } from "../worker/pool.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { EncodedPages } from "../writer/dump-writer.js";
import { elfRuns } from "../writer/elf-layout.js";
import { codecFingerprint } from "./codec-fingerprint.js";
import { elfLayoutOf, shardOf } from "./shard-layout.js";
import type { ShardPlan } from "./shard-plan.js";
import type { RangeTarget } from "./staging.js";

/** What is needed to encode a shard. */
export interface ShardWork {
  readonly plan: ShardPlan;
  readonly index: number;
  /** The input, opened in the same way as for the plan. */
  readonly dump: Dump;
  readonly threads: WorkerThreads;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of pages done. */
  readonly onProgress?: ((pages: number) => void) | undefined;
}

/** A shard's pages, encoded. */
export interface EncodedShard {
  /** Bytes of page data. */
  readonly size: number;
  readonly zeroPages: number;
  /** Digest of the page data. */
  readonly sha256: string;
  /** One word per kept page: see page-record.ts. */
  readonly records: Uint32Array;
}

/**
 * Encodes a shard of kdump output; `append` gets its page data in order. Throws what reading and encoding throw, and
 * `UNSUPPORTED` if the codec gives other bytes than the planner's.
 */
export async function encodeShard(
  work: ShardWork,
  append: (bytes: Uint8Array) => void | Promise<void>,
): Promise<EncodedShard> {
  const { plan, index } = work;
  const { pages: count } = shardOf(plan, index);
  const records = new Uint32Array(sharedBytes(4 * count).buffer, 0, count);
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

/** Writes a shard of ELF output to the place of its pages. Throws what `encodeShard` throws. */
export async function encodeElfShard(work: ShardWork, target: RangeTarget): Promise<Omit<EncodedShard, "records">> {
  const { plan } = work;
  const layout = elfLayoutOf(plan);
  const hash = createHash("sha256");
  let size = 0;
  await encodeRange(work, async ({ startPfn, endPfn, data }) => {
    hash.update(data);
    size += data.length;
    let done = 0;
    for (const run of elfRuns(layout, plan.keptBits, startPfn, endPfn)) {
      const length = (run.endPfn - run.startPfn) * plan.pageSize;
      await target.write(data.subarray(done, done + length), run.offset);
      done += length;
    }
  });
  return { size, zeroPages: 0, sha256: hash.digest("hex") };
}

/** Pass 2 for the pages of a shard. Returns how many were zero and have no bytes. */
async function encodeRange(
  { plan, index, dump, threads, signal, onProgress }: ShardWork,
  add: (pages: EncodedPages) => Promise<void>,
): Promise<number> {
  const { startPfn, endPfn } = shardOf(plan, index);
  const { codec, pageSize, maxMapnr, erase, stackTops, strict } = plan;
  if (codecFingerprint(codec, pageSize) !== plan.fingerprint) {
    throw new DumpError("UNSUPPORTED", `${codec.name} gives other bytes here than where the run was planned`, {
      cure: "Run the same Node and the same zstd-napi on all workers, or choose zlib at level 1, lzo or snappy",
    });
  }
  // Only its own pages: the tasks of pass 2 are cut by this bitmap. A copy would be 32 MiB for each TiB.
  const kept = partOfBitmap(plan.keptBits, startPfn, endPfn);
  const pool = new WorkerPool(
    threads,
    {
      image: { ...dump.image, pageSize },
      ...{ pageSize, kept, codec, erase },
      kernel: undefined,
      dedupe: false,
      ...(stackTops === undefined ? {} : { stackTops }),
      ...(strict === undefined ? {} : { strict }),
    },
    signal,
  );
  try {
    const done = (pages: number) => onProgress?.(pages);
    // The last task continues to the end of the bitmap, where other shards' pages are.
    const own = (pages: EncodedPages) => add({ ...pages, endPfn: Math.min(pages.endPfn, endPfn) });
    return await encodeDump(pool, { kept, maxMapnr }, plan.dropsZeros, { add: own }, done);
  } finally {
    await pool.end();
  }
}
