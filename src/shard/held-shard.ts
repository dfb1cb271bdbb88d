import { createHash } from "node:crypto";
import { sharedBytes } from "../store/shared-bytes.js";
import type { EncodedShard } from "./encode-shard.js";
import type { PlanPlace } from "./place.js";
import { seal, sha256, unseal } from "./sealed.js";
import {
  bytesOfWords,
  isShardSize,
  readSize,
  recordsOf,
  type ShardSize,
  shardFile,
  wholeFile,
  writeDone,
  writeSize,
} from "./shard-done.js";
import { kdumpLayoutOf, shardOf } from "./shard-layout.js";
import type { FinishPlan } from "./shard-plan.js";
import type { ShardSpool } from "./shard-spool.js";
import type { Staging } from "./staging.js";

/** Bytes of a piece. It is held in memory as a whole; sending it takes longer than a store's round trip. */
const PIECE = 16 << 20;

/**
 * A shard of kdump output that is encoded but has no place yet, because shards before it are not encoded: its page data
 * wait in the staging, in pieces. So a host need not wait for another, and shards may be made in any order, one by one.
 */
export interface HeldShard extends ShardSize {
  /** Digest of the page data. */
  readonly sha256: string;
  /** Digests of its pieces. */
  readonly pieces: readonly string[];
  readonly records: Uint32Array;
  /** The host that encoded it. */
  readonly host: string;
}

interface HeldFile extends Omit<HeldShard, "records"> {
  /** Digest of the records. */
  readonly records: string;
}

const pieceFile = (index: number, piece: number) => shardFile(index, `data-${String(piece).padStart(4, "0")}`);

/** Puts an encoded shard into the staging. Throws what writing to the staging throws, and `NOT_READABLE`. */
export async function holdShard(
  staging: Staging,
  index: number,
  encoded: EncodedShard,
  spool: ShardSpool,
  host: string,
): Promise<void> {
  const { size, zeroPages, records } = encoded;
  const pieces: string[] = [];
  for (let at = 0; at < size; at += PIECE) {
    const bytes = sharedBytes(Math.min(PIECE, size - at));
    spool.read(bytes, at);
    await staging.write(pieceFile(index, pieces.length), bytes);
    pieces.push(sha256(bytes));
  }
  await staging.write(shardFile(index, "records"), bytesOfWords(records));
  const file: HeldFile = {
    ...{ index, size, zeroPages, pieces, host, sha256: encoded.sha256 },
    records: sha256(bytesOfWords(records)),
  };
  const name = shardFile(index, "held");
  await staging.write(name, seal(staging.plan, name, file));
}

/**
 * A shard that waits in the staging; `undefined` if it does not, or has changed. Its pieces are checked when it is
 * placed.
 */
export async function readHeld(staging: Staging, plan: FinishPlan, index: number): Promise<HeldShard | undefined> {
  const name = shardFile(index, "held");
  const found = unseal(staging.plan, name, await staging.read(name)) as Partial<HeldFile> | undefined;
  if (found === undefined || !isShardSize(found, index)) return undefined;
  const { size, zeroPages, sha256: sum, pieces, records: recordsSum, host } = found as Partial<HeldFile>;
  if (typeof sum !== "string" || typeof recordsSum !== "string" || typeof host !== "string") return undefined;
  const isList = Array.isArray(pieces) && pieces.every((one) => typeof one === "string");
  if (!isList || pieces.length !== Math.ceil((size as number) / PIECE)) return undefined;
  const words = await wholeFile(staging, shardFile(index, "records"), recordsSum);
  const known = { index, size, zeroPages } as ShardSize;
  const records = words && recordsOf(words, plan, known);
  return records && known.zeroPages <= shardOf(plan, index).pages
    ? { ...known, sha256: sum, pieces, records, host }
    : undefined;
}

/**
 * Where a shard of kdump output begins; `undefined` if a shard before it is not encoded. `sizes`: known sizes, to which
 * further ones are added.
 */
export async function startOf(
  staging: Staging,
  plan: FinishPlan,
  index: number,
  sizes: Map<number, number>,
): Promise<number | undefined> {
  let start = kdumpLayoutOf(plan).pagesAt;
  for (let before = 0; before < index; before++) {
    const size = sizes.get(before) ?? (await readSize(staging, before))?.size;
    if (size === undefined) return undefined;
    sizes.set(before, size);
    start += size;
  }
  return start;
}

/**
 * Moves a waiting shard to its place, and empties its pieces. Returns false if a piece has changed: then the shard has
 * to be encoded again. Throws what writing throws.
 */
export async function placeHeld(
  place: Pick<PlanPlace, "staging" | "range">,
  plan: FinishPlan,
  held: HeldShard,
  start: number,
): Promise<boolean> {
  const { staging } = place;
  const { index, size, zeroPages, pieces, records, host } = held;
  const hash = createHash("sha256");
  const target = await place.range(plan, start, start + size);
  try {
    let at = 0;
    for (const [i, sum] of pieces.entries()) {
      const bytes = await wholeFile(staging, pieceFile(index, i), sum);
      if (bytes === undefined || at + bytes.length > size) break;
      hash.update(bytes);
      await target.write(bytes, start + at);
      at += bytes.length;
    }
    if (at !== size || hash.digest("hex") !== held.sha256) {
      await target.abort();
      await forgetHeld(staging, held);
      return false;
    }
    const left = await target.end();
    await writeSize(staging, { index, size, zeroPages });
    await writeDone(staging, { index, size, zeroPages, start, sha256: held.sha256, records, ...left, host });
  } catch (error) {
    await target.abort();
    throw error;
  }
  await forgetHeld(staging, held);
  return true;
}

/** Marks a shard as no longer waiting, and frees its space. */
async function forgetHeld(staging: Staging, { index, pieces }: HeldShard): Promise<void> {
  const nothing = new Uint8Array(0);
  await staging.write(shardFile(index, "held"), nothing);
  for (const i of pieces.keys()) await staging.write(pieceFile(index, i), nothing);
}
