import { RECORD_SIZE_MASK, ZERO_PAGE } from "../page-record.js";
import type { StoredPart } from "../store/store-types.js";
import { inOrder } from "../worker/pool.js";
import { seal, sha256, unseal } from "./sealed.js";
import type { ShardPlan } from "./shard-plan.js";
import type { Edge, Staging } from "./staging.js";

/** How much a shard's pages are, known when it is encoded: shards behind it wait for that. */
export interface ShardSize {
  readonly index: number;
  /** Bytes of its page data in the file. */
  readonly size: number;
  readonly zeroPages: number;
}

/** Where the data of a shard are, and what they are. */
export interface ShardPlace extends ShardSize {
  /** File offset of its data; it differs from the place it should have only if something went wrong. */
  readonly start: number;
  /** Of the page data, as they were encoded. */
  readonly sha256: string;
  /** Parts of the upload that it sent; where its bytes in the file end. See `RangeLeft`. */
  readonly parts: readonly StoredPart[];
  readonly reach: number;
  /** Where it was made. */
  readonly host: string;
}

/** A shard whose data are in the output, but for its edges. */
export interface ShardDone extends ShardPlace {
  /** Of kdump output: one word per kept page, see page-record.ts. */
  readonly records: Uint32Array | undefined;
  readonly edges: readonly Edge[];
}

interface DoneFile extends ShardPlace {
  /** Digest of the words. */
  readonly records?: string;
  readonly edges: readonly { readonly offset: number; readonly length: number }[];
  readonly edgeBytes: string;
}

/** The name of a file of a shard in its staging. */
export const shardFile = (index: number, what: string) => `shard-${String(index).padStart(4, "0")}.${what}`;

export function writeSize(staging: Staging, { index, size, zeroPages }: ShardSize): Promise<void> {
  const name = shardFile(index, "size");
  return staging.write(name, seal(staging.plan, name, { index, size, zeroPages }));
}

/** `undefined`: it is not known yet, or what is there is not what was written. */
export async function readSize(staging: Staging, index: number): Promise<ShardSize | undefined> {
  const name = shardFile(index, "size");
  const found = unseal(staging.plan, name, await staging.read(name)) as Partial<ShardSize> | undefined;
  return found !== undefined && isShardSize(found, index) ? found : undefined;
}

export async function writeDone(staging: Staging, done: ShardDone): Promise<void> {
  const { records, edges, ...place } = done;
  if (records !== undefined) await staging.write(shardFile(done.index, "records"), bytesOfWords(records));
  const edgeBytes = Buffer.concat(edges.map(({ bytes }) => bytes));
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

/** From now on a shard is not done, whatever is there of it. */
export function forgetDone(staging: Staging, index: number): Promise<void> {
  return staging.write(shardFile(index, "done"), new Uint8Array(0));
}

/** What a shard said when it was done; its edges and records are not looked at. `undefined`: it is not done. */
export async function readPlace(staging: Staging, index: number): Promise<ShardPlace | undefined> {
  return readDoneFile(staging, index);
}

/** Small files that are asked for at once, where there is one for each shard or more: a store takes a round trip for each. */
export const AT_ONCE = 16;

/** What shards 0 to `count` - 1 said, in order; `undefined` for each that is not done. */
export function readPlaces(staging: Staging, count: number): AsyncGenerator<ShardPlace | undefined> {
  return inOrder(Array(count).keys(), (index) => readPlace(staging, index), AT_ONCE);
}

/** What a shard left. `undefined`: it is not done, or what is there is not what it left for this plan. */
export async function readDone(staging: Staging, plan: ShardPlan, index: number): Promise<ShardDone | undefined> {
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

/** The record of each page of a shard. `undefined`: they are not as many as it has pages, or do not add up. */
export function recordsOf(words: Uint8Array, plan: ShardPlan, size: ShardSize): Uint32Array | undefined {
  if (words.length !== 4 * (plan.shards[size.index]?.pages ?? 0)) return undefined;
  const records = new Uint32Array(words.slice().buffer);
  return addUp(records, size) ? records : undefined;
}

/** Whether the sizes of pages add up to what the shard says. Costs about 1 ns per kept page. */
function addUp(records: Uint32Array, { size, zeroPages }: ShardSize): boolean {
  let [bytes, zeros] = [0, 0];
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    if (record === ZERO_PAGE) zeros++;
    else bytes += record & RECORD_SIZE_MASK;
  }
  return bytes === size && zeros === zeroPages;
}

/** A file of a staging, if it is there with that digest. */
export async function wholeFile(staging: Staging, name: string, sum: string): Promise<Uint8Array | undefined> {
  const bytes = await staging.read(name);
  return bytes !== undefined && sha256(bytes) === sum ? bytes : undefined;
}

/** The bytes of words. */
export function bytesOfWords({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Whether what was read can be the size of that shard. */
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
