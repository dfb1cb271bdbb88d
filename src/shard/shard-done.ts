import { RECORD_SIZE_MASK, ZERO_PAGE } from "../page-record.js";
import { sharedBytes } from "../store/shared-bytes.js";
import type { StoredPart } from "../store/store-types.js";
import { inOrder } from "../worker/pool.js";
import { seal, sha256, unseal } from "./sealed.js";
import type { FinishPlan } from "./shard-plan.js";
import type { Edge, Staging } from "./staging.js";

/** The size of a shard's pages, known when it is encoded: the next shards wait for it. */
export interface ShardSize {
  readonly index: number;
  /** Bytes of its page data in the file. */
  readonly size: number;
  readonly zeroPages: number;
}

/** Where the data of a shard are, and their digest. */
export interface ShardPlace extends ShardSize {
  /** File offset of its data; it differs from the right place only after an error. */
  readonly start: number;
  /** Digest of the page data, when they were encoded. */
  readonly sha256: string;
  /** `parts`: parts of the upload that it sent. `reach`: where its bytes in the file end. See `RangeLeft`. */
  readonly parts: readonly StoredPart[];
  readonly reach: number;
  /** The host that made it. */
  readonly host: string;
}

/** A shard whose data are in the output, except for its edges. */
export interface ShardDone extends ShardPlace {
  /** For kdump output: one word per kept page, see page-record.ts. */
  readonly records: Uint32Array | undefined;
  readonly edges: readonly Edge[];
}

interface DoneFile extends ShardPlace {
  /** Digest of the records. */
  readonly records?: string;
  readonly edges: readonly { readonly offset: number; readonly length: number }[];
  readonly edgeBytes: string;
}

/** The name of a shard's file in its staging. */
export const shardFile = (index: number, what: string) => `shard-${String(index).padStart(4, "0")}.${what}`;

export function writeSize(staging: Staging, { index, size, zeroPages }: ShardSize): Promise<void> {
  const name = shardFile(index, "size");
  return staging.write(name, seal(staging.plan, name, { index, size, zeroPages }));
}

/** `undefined` if the size is not known yet, or the file was changed. */
export async function readSize(staging: Staging, index: number): Promise<ShardSize | undefined> {
  const name = shardFile(index, "size");
  const found = unseal(staging.plan, name, await staging.read(name)) as Partial<ShardSize> | undefined;
  return found !== undefined && isShardSize(found, index) ? found : undefined;
}

export async function writeDone(staging: Staging, done: ShardDone): Promise<void> {
  const { records, edges, ...place } = done;
  if (records !== undefined) await staging.write(shardFile(done.index, "records"), bytesOfWords(records));
  // In shared memory: what is not is copied on its way to the thread that sends it.
  const edgeBytes = sharedBytes(edges.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of edges) {
    edgeBytes.set(bytes, at);
    at += bytes.length;
  }
  await staging.write(shardFile(done.index, "edges"), edgeBytes);
  const file: DoneFile = {
    ...place,
    ...(records === undefined ? {} : { records: sha256(bytesOfWords(records)) }),
    edges: edges.map(({ offset, bytes }) => ({ offset, length: bytes.length })),
    edgeBytes: sha256(edgeBytes),
  };
  const name = shardFile(done.index, "done");
  await staging.write(name, seal(staging.plan, name, file));
}

/** From now on a shard counts as not done, whatever files it has. */
export function forgetDone(staging: Staging, index: number): Promise<void> {
  return staging.write(shardFile(index, "done"), new Uint8Array(0));
}

/** The record of a shard that is done; its edges and records are not checked. `undefined` if it is not done. */
export async function readPlace(staging: Staging, index: number): Promise<ShardPlace | undefined> {
  return readDoneFile(staging, index);
}

/**
 * Small files that are read at the same time, if there is one per shard or more: each costs a round trip to a store.
 */
export const AT_ONCE = 16;

/** The records of shards 0 to `count` - 1, in order; `undefined` for each that is not done. */
export function readPlaces(staging: Staging, count: number): AsyncGenerator<ShardPlace | undefined> {
  return inOrder(Array(count).keys(), (index) => readPlace(staging, index), AT_ONCE);
}

/** What a shard left; `undefined` if it is not done, or if a file is not what it left for this plan. */
export async function readDone(staging: Staging, plan: FinishPlan, index: number): Promise<ShardDone | undefined> {
  const file = await readDoneFile(staging, index);
  if (file === undefined) return undefined;
  const { records: recordsSum, edges: pieces, edgeBytes: edgesSum, ...place } = file;
  const [edgeBytes, words] = await Promise.all([
    wholeFile(staging, shardFile(index, "edges"), edgesSum),
    recordsSum === undefined ? undefined : wholeFile(staging, shardFile(index, "records"), recordsSum),
  ]);
  if (edgeBytes === undefined || (words === undefined) !== (plan.output.elf !== undefined)) return undefined;
  const edges: Edge[] = [];
  let at = 0;
  for (const { offset, length } of pieces) {
    edges.push({ offset, bytes: edgeBytes.subarray(at, at + length) });
    at += length;
  }
  if (at !== edgeBytes.length) return undefined;
  if (words === undefined) return { ...place, records: undefined, edges };
  const records = recordsOf(words, plan, place);
  return records && { ...place, records, edges };
}

async function readDoneFile(staging: Staging, index: number): Promise<DoneFile | undefined> {
  const name = shardFile(index, "done");
  const found = unseal(staging.plan, name, await staging.read(name)) as Partial<DoneFile> | undefined;
  if (found === undefined || !isShardSize(found, index)) return undefined;
  const { start, reach, edges, parts, sha256: sum, edgeBytes, records } = found as Partial<DoneFile>;
  const texts =
    typeof sum === "string" && typeof edgeBytes === "string" && ["string", "undefined"].includes(typeof records);
  const lists = Array.isArray(edges) && edges.every(isPiece) && Array.isArray(parts) && parts.every(isPart);
  return texts && lists && isCount(start) && isCount(reach) ? (found as DoneFile) : undefined;
}

/**
 * The record of each page of a shard; `undefined` if their number is not that of its pages, or their sizes do not add
 * up.
 */
export function recordsOf(words: Uint8Array, plan: FinishPlan, size: ShardSize): Uint32Array | undefined {
  if (words.length !== 4 * (plan.shards[size.index]?.pages ?? 0)) return undefined;
  const records = new Uint32Array(words.slice().buffer);
  return addUp(records, size) ? records : undefined;
}

/** Whether the sizes of pages add up to the shard's size. Takes about 1 ns per kept page. */
function addUp(records: Uint32Array, { size, zeroPages }: ShardSize): boolean {
  let [bytes, zeros] = [0, 0];
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    if (record === ZERO_PAGE) zeros++;
    else bytes += record & RECORD_SIZE_MASK;
  }
  return bytes === size && zeros === zeroPages;
}

/** A file of a staging, if it exists and has that digest. */
export async function wholeFile(staging: Staging, name: string, sum: string): Promise<Uint8Array | undefined> {
  const bytes = await staging.read(name);
  return bytes !== undefined && sha256(bytes) === sum ? bytes : undefined;
}

/** The bytes of 32-bit words. */
export function bytesOfWords({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Whether a value can be the size of that shard. */
export function isShardSize(value: Partial<ShardSize>, index: number): value is ShardSize {
  return value.index === index && isCount(value.size) && isCount(value.zeroPages);
}

function isPiece(value: unknown): boolean {
  const piece = value as { readonly offset?: unknown; readonly length?: unknown } | null;
  return typeof piece === "object" && piece !== null && isCount(piece.offset) && isCount(piece.length);
}

function isPart(value: unknown): boolean {
  const part = value as Partial<StoredPart> | null;
  if (typeof part !== "object" || part === null || typeof part.etag !== "string") return false;
  return isCount(part.number) && isCount(part.size) && ["string", "undefined"].includes(typeof part.crc32);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
