import { abortedError, DumpError } from "../errors.js";
import { collectGarbage } from "../store/collect-garbage.js";
import type { StoreThread } from "../store/open-store.js";
import { partMemory } from "../store/part-memory.js";
import type { PartPlan } from "../store/part-plan.js";
import type { ObjectLocation, StoredPart } from "../store/store-types.js";
import { storePath } from "../store/store-url.js";
import { ObjectUpload } from "../store/upload.js";
import { discardSink } from "../writer/discard-sink.js";
import type { Sink } from "../writer/sink.js";
import { stretchOf } from "./left-shards.js";
import type { ObjectStaging } from "./object-staging.js";
import { readPlaces, type ShardPlace } from "./shard-done.js";
import { partsOf } from "./shard-layout.js";
import type { FinishPlan } from "./shard-plan.js";
import type { Edge, RangeTarget } from "./staging.js";

/**
 * Parts [first, end) of the upload that are completely inside a range of the file. All others belong to the finishing
 * job.
 */
export function partsWithin(
  plan: PartPlan,
  start: number,
  end: number,
): { readonly first: number; readonly end: number } {
  const at = plan.indexOf(start);
  const first = plan.start(at) < start ? at + 1 : at;
  const last = end >= plan.start(plan.parts) ? plan.parts : plan.indexOf(end);
  return { first, end: Math.max(first, last) };
}

/**
 * A range [start, end) of an upload: parts that are completely inside are sent; the bytes before and behind them are
 * left to the finishing job. Parts that the store has already (by size and checksum) are not sent again. Writes ascend;
 * gaps are zeros. If the end is not known, it is where the last write ends.
 */
export async function objectRange(
  store: StoreThread,
  output: ObjectLocation,
  staging: ObjectStaging,
  plan: FinishPlan,
  start: number,
  knownEnd: number | undefined,
): Promise<RangeTarget> {
  const parts = partsOf(plan);
  const end = knownEnd ?? parts.start(parts.parts);
  const { uploadId } = await staging.upload();
  const listed = await store.listParts(output, uploadId);
  if (listed === undefined) throw uploadGone(output);
  const known = new Map(listed.map((part) => [part.number, part]));
  const own = partsWithin(parts, start, end);
  const [low, high] = own.first === own.end ? [end, end] : [parts.start(own.first), parts.start(own.end)];
  const edges: Edge[] = [];
  const sent: StoredPart[] = [];
  const sending = new Set<Promise<void>>();
  let failure: unknown;
  let stopped = false;
  let index = own.first;
  let bytes: Uint8Array | undefined;
  let reached = start;

  const check = () => {
    if (failure !== undefined) throw failure;
  };
  const partBytes = async () => {
    if (bytes !== undefined) return bytes;
    const lent = await partMemory.borrow(parts.start(index + 1) - parts.start(index));
    // A run that fails does not wait for the write that it was in.
    if (stopped) partMemory.giveBack(lent);
    else bytes = lent;
    check();
    return lent;
  };
  /** Sends the current part and begins the next one. */
  const send = async () => {
    const part = await partBytes();
    check();
    bytes = undefined;
    const number = ++index;
    const sends = store
      .sendPart(output, uploadId, number, part, known.get(number))
      .then(
        (done) => void sent.push(done.part),
        (error: unknown) => {
          failure ??= error;
        },
      )
      .then(() => {
        partMemory.giveBack(part);
        sending.delete(sends);
      });
    sending.add(sends);
  };

  return {
    async write(written, offset) {
      const after = offset + written.length;
      if (offset < start || after > end || stopped) {
        throw new Error(`a shard writes [${offset}, ${after}) beyond its place [${start}, ${end})`);
      }
      const keep = (from: number, to: number) => {
        if (to > from) edges.push({ offset: from, bytes: written.slice(from - offset, to - offset) });
      };
      check();
      keep(offset, Math.min(after, low));
      for (let at = Math.max(offset, low); at < Math.min(after, high); ) {
        while (parts.start(index + 1) <= at) await send();
        const to = Math.min(after, parts.start(index + 1));
        (await partBytes()).set(written.subarray(at - offset, to - offset), at - parts.start(index));
        at = to;
      }
      keep(Math.max(offset, high), after);
      reached = after;
    },
    async end() {
      if (knownEnd !== undefined) while (index < own.end) await send();
      else if (bytes !== undefined && parts.start(index + 1) <= reached) await send();
      else if (bytes !== undefined) {
        const offset = parts.start(index);
        edges.push({ offset, bytes: bytes.slice(0, reached - offset) });
        partMemory.giveBack(bytes);
        bytes = undefined;
      }
      await allSent(sending, store);
      check();
      return { edges, parts: sent.toSorted((a, b) => a.number - b.number), reach: 0 };
    },
    async abort() {
      stopped = true;
      failure ??= abortedError({});
      await Promise.all(sending);
      if (bytes !== undefined) partMemory.giveBack(bytes);
      bytes = undefined;
    },
  };
}

/** Waits until all parts are sent, and frees their memory: what a shard leaves needs about as much. */
async function allSent(sending: ReadonlySet<Promise<void>>, store: StoreThread): Promise<void> {
  await Promise.all(sending);
  const freed = partMemory.dropSpare();
  collectGarbage(freed);
  await store.collectGarbage(freed);
}

/**
 * The whole unfinished object, for the job that finishes it: it sends the parts that no shard has. If two such jobs run
 * at once they send the same bytes; the second one finds the object made, which also counts as success. Throws
 * `CORRUPT` if parts are missing.
 */
export async function objectRunSink(
  store: StoreThread,
  output: ObjectLocation,
  staging: ObjectStaging,
  plan: FinishPlan,
  force: boolean,
): Promise<Sink> {
  const path = storePath(output);
  const { uploadId, mark } = await staging.upload();
  const known = await store.listParts(output, uploadId);
  /** Whether the object that this run makes exists: an object of the same bytes from another run has another mark. */
  const isMade = async () => (await store.head(output))?.mark === mark;
  let made = await isMade();
  if (made) return discardSink(path);
  if (known === undefined) throw uploadGone(output);
  const upload = new ObjectUpload(store, output, force, {
    ...{ uploadId, mark, known },
    sent: await partsOfShards(staging, plan, known),
  });
  /** An error does not count if another job has finished the object meanwhile. */
  const unlessMade = async (does: () => Promise<void>) => {
    if (made) return;
    try {
      await does();
    } catch (error) {
      made = await isMade();
      if (!made) throw error;
    }
  };
  return {
    name: path,
    atMost: (bytes) => upload.atMost(bytes),
    ascendingFrom: (offset) => upload.ascendingFrom(offset),
    write: (bytes, offset) => unlessMade(() => upload.write(bytes, offset)),
    async finish(size) {
      await unlessMade(() => upload.finish(size));
      return undefined;
    },
    async abort() {
      await upload.abort();
    },
  };
}

/** The parts that shards sent. Throws `CORRUPT` if the store lacks one, or has another one with its number. */
async function partsOfShards(
  staging: ObjectStaging,
  plan: FinishPlan,
  known: readonly StoredPart[],
): Promise<readonly StoredPart[]> {
  const hasParts = partCheck(plan, known);
  const sent: StoredPart[] = [];
  let index = 0;
  for await (const done of readPlaces(staging, plan.shards.length)) {
    if (done === undefined || !hasParts(done)) {
      throw new DumpError("CORRUPT", `parts of shard ${index + 1} are not in the upload as they were sent`, {
        file: staging.name,
        cure: "Retry the run, or submit the dump again: they are made again",
      });
    }
    sent.push(...done.parts);
    index++;
  }
  return sent;
}

/**
 * For an upload with these parts: whether all parts that a shard has to send, and no others, are there as it sent them.
 */
export function partCheck(plan: FinishPlan, known: readonly StoredPart[]): (done: ShardPlace) => boolean {
  const parts = partsOf(plan);
  const byNumber = new Map(known.map((part) => [part.number, part]));
  return (done) => {
    const { start, end } = stretchOf(plan, done);
    if (end > parts.start(parts.parts)) return false;
    const own = partsWithin(parts, start, end);
    return (
      done.parts.length === own.end - own.first &&
      done.parts.every((part, i) => {
        const at = own.first + i;
        const there = byNumber.get(part.number);
        const size = parts.start(at + 1) - parts.start(at);
        return part.number === at + 1 && part.size === size && there !== undefined && isSamePart(part, there);
      })
    );
  };
}

/**
 * ETags are mostly the MD5 of the bytes. If they are not, a part that was sent again has another ETag, and only the
 * CRC-32 can be compared.
 */
function isSamePart(a: StoredPart, b: StoredPart): boolean {
  return a.size === b.size && (a.etag === b.etag || (a.crc32 !== undefined && a.crc32 === b.crc32));
}

/** Which shards' parts a plan's upload has: see `PlanPlace.has`. An object that is finished has all. */
export async function objectHas(
  store: StoreThread,
  output: ObjectLocation,
  staging: ObjectStaging,
  plan: FinishPlan,
): Promise<(done: ShardPlace) => boolean> {
  const { uploadId, mark } = await staging.upload();
  const known = await store.listParts(output, uploadId);
  if (known !== undefined) return partCheck(plan, known);
  const isMade = (await store.head(output))?.mark === mark;
  return () => isMade;
}

function uploadGone(output: ObjectLocation): DumpError {
  return new DumpError("NOT_WRITABLE", "its unfinished upload is gone: somebody removed it", {
    file: storePath(output),
    cure: "Retry the run, or submit the dump again; rules of the bucket may end uploads too soon",
  });
}
