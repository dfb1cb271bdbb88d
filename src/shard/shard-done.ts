import { DumpError } from "../errors.js";
import { inOrder } from "../worker/pool.js";
import { sha256 } from "./plan-files.js";
import type { ShardPlan } from "./shard-plan.js";
import type { Edge, Staging } from "./staging.js";

/** How much a shard's pages are, known when it is encoded: shards behind it wait for that. */
export interface ShardSize {
  readonly index: number;
  /** Bytes of its page data in the file. */
  readonly size: number;
  readonly zeroPages: number;
}

/** A shard whose data are in the output, but for its edges. */
export interface ShardDone extends ShardSize {
  /** File offset of its data; it differs from the place it should have only if something went wrong. */
  readonly start: number;
  /** Of the page data, as they were encoded. */
  readonly sha256: string;
  /** Of kdump output: one word per kept page, see page-record.ts. */
  readonly records: Uint32Array | undefined;
  readonly edges: readonly Edge[];
  /** Where it was made. */
  readonly host: string;
}

interface DoneFile extends Omit<ShardDone, "records" | "edges"> {
  readonly records: string | undefined;
  readonly edges: readonly { readonly offset: number; readonly length: number }[];
  readonly edgeBytes: string;
}

const nameOf = (index: number, what: string) => `shard-${String(index).padStart(4, "0")}.${what}`;
const json = (value: unknown) => Buffer.from(JSON.stringify(value), "utf8");

export function writeSize(staging: Staging, size: ShardSize): Promise<void> {
  return staging.write(nameOf(size.index, "size"), json(size));
}

/** `undefined`: it is not known yet. */
export async function readSize(staging: Staging, index: number): Promise<ShardSize | undefined> {
  const bytes = await staging.read(nameOf(index, "size"));
  if (bytes === undefined) return undefined;
  const found = parse<ShardSize>(staging, nameOf(index, "size"), bytes);
  if (found.index === index && isCount(found.size) && isCount(found.zeroPages)) return found;
  throw damaged(staging, nameOf(index, "size"));
}

export async function writeDone(staging: Staging, done: ShardDone): Promise<void> {
  const { records, edges, ...small } = done;
  if (records !== undefined) await staging.write(nameOf(done.index, "records"), bytesOf(records));
  const edgeBytes = Buffer.concat(edges.map(({ bytes }) => bytes));
  await staging.write(nameOf(done.index, "edges"), edgeBytes);
  const file: DoneFile = {
    ...small,
    records: records && sha256(bytesOf(records)),
    edges: edges.map(({ offset, bytes }) => ({ offset, length: bytes.length })),
    edgeBytes: sha256(edgeBytes),
  };
  await staging.write(nameOf(done.index, "done"), json(file));
}

/** Whether a shard is done; `undefined` if it is not. What it left is not looked at. */
export async function readDoneSize(staging: Staging, index: number): Promise<ShardSize | undefined> {
  const bytes = await staging.read(nameOf(index, "done"));
  return bytes && parse<DoneFile>(staging, nameOf(index, "done"), bytes);
}

/** Small files that are asked for at once, where there is one for each shard or more: a store takes a round trip for each. */
export const AT_ONCE = 16;

/** Sizes of shards 0 to `count` - 1 in order; `undefined` for each that is not done. */
export function doneSizes(staging: Staging, count: number): AsyncGenerator<ShardSize | undefined> {
  return inOrder(Array(count).keys(), (index) => readDoneSize(staging, index), AT_ONCE);
}

/** What a shard left. `undefined`: it is not done. Throws `CORRUPT` for what is not as it was written. */
export async function readDone(staging: Staging, plan: ShardPlan, index: number): Promise<ShardDone | undefined> {
  const name = nameOf(index, "done");
  const bytes = await staging.read(name);
  if (bytes === undefined) return undefined;
  const { records: recordsSum, edges: pieces, edgeBytes: edgesSum, ...small } = parse<DoneFile>(staging, name, bytes);
  const good = small.index === index && isCount(small.size) && isCount(small.start) && isCount(small.zeroPages);
  if (!good || !Array.isArray(pieces) || !pieces.every(isPiece)) throw damaged(staging, name);
  const [edgeBytes, words] = await Promise.all([
    whole(staging, nameOf(index, "edges"), edgesSum),
    recordsSum === undefined ? undefined : whole(staging, nameOf(index, "records"), recordsSum),
  ]);
  const edges: Edge[] = [];
  let at = 0;
  for (const { offset, length } of pieces) {
    edges.push({ offset, bytes: edgeBytes.subarray(at, at + length) });
    at += length;
  }
  if (at !== edgeBytes.length) throw damaged(staging, nameOf(index, "edges"));
  if (words === undefined) return { ...small, records: undefined, edges };
  const pages = plan.shards[index]?.pages ?? 0;
  if (words.length !== 4 * pages) throw damaged(staging, nameOf(index, "records"));
  return { ...small, records: new Uint32Array(words.slice().buffer), edges };
}

async function whole(staging: Staging, name: string, sum: string): Promise<Uint8Array> {
  const bytes = await staging.read(name);
  if (bytes === undefined || sha256(bytes) !== sum) throw damaged(staging, name);
  return bytes;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function isPiece(value: unknown): value is { readonly offset: number; readonly length: number } {
  return (
    typeof value === "object" &&
    value !== null &&
    "offset" in value &&
    "length" in value &&
    isCount(value.offset) &&
    isCount(value.length)
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parse<T>(staging: Staging, name: string, bytes: Uint8Array): T {
  try {
    const found = JSON.parse(Buffer.from(bytes).toString("utf8")) as T;
    if (typeof found === "object" && found !== null) return found;
  } catch {
    // Said below.
  }
  throw damaged(staging, name);
}

function damaged(staging: Staging, name: string): DumpError {
  return new DumpError("CORRUPT", `its file ${name} is not as it was written`, {
    file: staging.name,
    cure: "Cancel the run and submit the dump again",
  });
}
