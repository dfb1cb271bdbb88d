import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import chain, { none } from "stream-chain";
import { HASH_SIZE } from "../codec/wasm/encode/load.js";
import type { PagePlan } from "../filter/plan.js";
import { countBits } from "../reader/bitmap.js";
import type { PfnRange } from "../reader/pfn-range.js";
import type { DumpWriter } from "../writer/dump-writer.js";
import { keptRanges } from "./chunks.js";
import { inOrder, type WorkerPool } from "./pool.js";
import type { RunObserver } from "./run-observer.js";
import type { EncodeResult } from "./tasks.js";

/** Results between two stages. More would only hold slots that workers could use. */
const BUFFERED = 2;

/**
 * Pass 2: encodes all kept pages in the pool and passes them to the writer in order. The chain has these stages: the
 * results in order; the writer, after which the slot is given back; the progress. Returns how many pages were zero and
 * have no bytes. `done` is called with the number of pages written so far, and the number of their bytes that
 * `--privacy strict` set to 0; `observer` sees what the writer got.
 */
export async function encodeDump(
  pool: WorkerPool,
  plan: Pick<PagePlan, "kept" | "maxMapnr">,
  dropZeros: boolean,
  writer: Pick<DumpWriter, "add">,
  done: (pages: number, cleared: number) => void,
  observer?: RunObserver,
): Promise<number> {
  const { layout, bytes } = pool;
  const encode = async (range: PfnRange): Promise<EncodeResult> => {
    const slot = await pool.slots.borrow();
    return pool.encode({ ...range, slot, dropZeros });
  };
  const write = async (result: EncodeResult): Promise<EncodeResult> => {
    const { startPfn, endPfn, slot, pages, offset, length } = result;
    const base = slot * layout.size;
    const records = new Uint32Array(bytes.buffer, base + layout.records, pages);
    const hashes = new Uint32Array(bytes.buffer, base + layout.hashes, (pages * HASH_SIZE) / 4);
    const data = bytes.subarray(offset, offset + length);
    await pool.slots.readBy(writer.add({ startPfn, endPfn, records, hashes, data }) ?? undefined);
    observer?.pages(startPfn, endPfn, records);
    pool.slots.giveBack(slot);
    return result;
  };
  let written = 0;
  let zeroPages = 0;
  let cleared = 0;
  const count = (result: EncodeResult) => {
    written += result.pages;
    zeroPages += result.zeroPages;
    cleared += result.cleared;
    done(written, cleared);
    return none;
  };
  pool.expect(countBits(plan.kept, 0, plan.maxMapnr) / layout.pages);
  const tasks = pool.readAhead.pages(keptRanges(plan.kept, plan.maxMapnr, layout.pages));
  const results = inOrder(tasks, encode, pool.inFlight);
  const source = Readable.from(results, { objectMode: true, highWaterMark: BUFFERED });
  const stages = chain([write, count], { writableHighWaterMark: BUFFERED, readableHighWaterMark: BUFFERED });
  stages.resume();
  await pipeline(source, stages);
  return zeroPages;
}
