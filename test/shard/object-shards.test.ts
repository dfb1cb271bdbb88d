/** An output written to a store in shards is byte for byte the one that a single run writes, and nothing else is left there. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { DumpError } from "../../src/errors.js";
import { openInput } from "../../src/reader/open-input.js";
import type { FilterResult } from "../../src/run/filter-dump.js";
import { planDump } from "../../src/run/plan-dump.js";
import { openSession } from "../../src/run/session.js";
import { planToFinish } from "../../src/shard/finish-plan.js";
import { finishShards } from "../../src/shard/finish-shards.js";
import { objectIdentity } from "../../src/shard/input-identity.js";
import { missingShards } from "../../src/shard/left-shards.js";
import { makeShard } from "../../src/shard/make-shard.js";
import { partsWithin } from "../../src/shard/object-output.js";
import { objectStaging } from "../../src/shard/object-staging.js";
import { outputPlace } from "../../src/shard/output-place.js";
import { planFiles, readPlan, writePlan } from "../../src/shard/plan-files.js";
import { partsOf } from "../../src/shard/shard-layout.js";
import { shardPlan } from "../../src/shard/shard-plan.js";
import { planFolder, type RangeTarget } from "../../src/shard/staging.js";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { partPlan } from "../../src/store/part-plan.js";
import { parseStorePath } from "../../src/store/store-url.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = join(folder, "vmcore");
const IN = "s3://dumps/vmcore";
const OUT = "s3://dumps/some/out";
const sample = sampleDump();
const threads = new WorkerThreads(2);
let double: S3Double;
let store: StoreThread;

beforeAll(async () => {
  double = await startS3Double();
  await double.stock("dumps/vmcore", sample);
  store = openStore();
  writeFileSync(file, sample);
});
beforeEach(() => double.reset());
afterAll(async () => {
  await store?.close();
  await double?.stop();
  await threads.destroy();
});

/** Plans a run. What comes back makes its shards and finishes it. */
async function planRun(shards: number, run: RunOptions, seen: StoreThread = store) {
  const warnings = new Warnings();
  const options = {
    output: { path: OUT },
    level: run.level ?? 31,
    format: run.format ?? "kdump",
    codec: codecOf(run.codec ?? "none"),
    privacy: false,
    warnings,
  } as const;
  const place = await outputPlace(OUT, "1d", async () => seen);
  const opened = await openInput(IN, warnings, { inPlace: true });
  const planned = await planDump(openSession(opened, options), options, threads);
  const files = await planFiles(shardPlan(planned, [await objectIdentity(IN)], options, shards));
  const own = place.of(files.digest);
  const { staging } = own;
  // As two workers do that both plan it.
  await Promise.all([own.create(), own.create()]);
  await writePlan(staging, files);
  await planned.pool.end();
  opened.close();
  const plan = await readPlan(staging);
  return {
    ...{ own, plan },
    /** Where the objects of this plan are. */
    prefix: `some/out.coresieve-1d/${planFolder(files.digest)}/`,
    remove: (but?: string) => place.remove(but),
    async shard(index: number) {
      const dump = await openInput(IN);
      try {
        const options = { place: own, spoolDir: folder, host: "here" };
        return await makeShard({ plan, index, dump, threads }, options);
      } finally {
        dump.close();
      }
    },
    async finish(force = false) {
      const sink = await own.sink(plan, force);
      try {
        // As of a large machine.
        return await finishShards(await planToFinish(async () => plan, staging, 0), staging, sink);
      } catch (error) {
        await sink.abort();
        throw error;
      }
    },
  };
}

const wholes = new Map<string, Promise<{ bytes: Buffer; result: FilterResult }>>();
/** What a single run writes. */
function wholeOf(run: RunOptions): Promise<{ bytes: Buffer; result: FilterResult }> {
  const key = JSON.stringify(run);
  const known = wholes.get(key);
  if (known !== undefined) return known;
  const path = join(folder, "whole");
  const made = filterFile(file, path, { ...run, workers: threads }).then((result) => ({
    result,
    bytes: readFileSync(path),
  }));
  wholes.set(key, made);
  return made;
}

async function expectOnlyOutput(expected: Buffer): Promise<void> {
  expect((await double.names()).toSorted()).toEqual(["dumps/some/out", "dumps/vmcore"]);
  expect(await double.uploads()).toEqual([]);
  expect(((await double.get("dumps/some/out")) as Buffer).equals(expected)).toBe(true);
}

test.each([
  ["kdump, 33 MB", { level: 0 }, [2, 8]],
  ["kdump, lzo, level 0", { level: 0, codec: "lzo" }, [2]],
  ["ELF, several parts", { level: 0, format: "elf" }, [3]],
  ["ELF with holes", { level: 31, format: "elf" }, [8]],
  ["kdump, lzo, one request", { level: 31, codec: "lzo" }, [1, 4]],
] as const)("%s: the bytes of a single run, though two finish it", async (_, run, counts) => {
  const { bytes, result: expected } = await wholeOf(run);
  for (const count of counts) {
    const made = await planRun(count, run);
    await Promise.all(made.plan.shards.map((_, i) => made.shard(made.plan.shards.length - 1 - i)));
    const [result, other] = await Promise.all([made.finish(), made.finish()]);
    // One is begun anew after the output was made, but before that was told.
    expect(await made.finish()).toEqual(result);
    expect(other).toEqual(result);
    expect(result.outputBytes).toBe(expected.outputBytes);
    expect(result.classes).toEqual(expected.classes);
    await made.remove();
    await expectOnlyOutput(bytes);
    await double.reset();
  }
});

test("a shard that ends while it waits for memory leaves all of it to others", async () => {
  let goOn = () => {};
  let gate = new Promise<void>(() => undefined);
  const close = () => {
    gate = new Promise((resolve) => {
      goOn = resolve;
    });
  };
  close();
  const slow: StoreThread = {
    ...store,
    async sendPart(_at, _id, number, { length: size }) {
      await gate;
      return { part: { number, size, etag: "" }, sent: true };
    },
  };
  const { own, plan } = await planRun(1, { level: 0 }, slow);
  const parts = partsOf(plan);
  const range = () => own.range(plan, 0, parts.start(parts.parts));
  const fill = async (target: RangeTarget, first: number, count: number) => {
    for (let i = first; i < first + count; i++) await target.write(new Uint8Array(1), parts.start(i));
  };
  expect([parts.parts, parts.start(1)]).toEqual([5, 8 * 2 ** 20]);
  // All of the memory, twice: what is lost the first time is missing the second time.
  for (let round = 0; round < 2; round++) {
    const [one, two, late] = [await range(), await range(), await range()];
    await fill(one, 0, 3);
    await fill(two, 0, 1);
    const waiting = fill(late, 0, 1);
    waiting.catch(() => undefined);
    await late.abort();
    const ended = Promise.all([one.abort(), two.abort()]);
    goOn();
    await ended;
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    close();
  }
});

test("an object of a staging that is larger than any worker makes them is refused before it has memory", async () => {
  const huge: StoreThread = {
    ...store,
    begin: async () => ({ size: 2 ** 40, etag: "", bytes: new Uint8Array(5) }),
  };
  const staging = objectStaging(huge, parseStorePath(OUT), parseStorePath(`${OUT}.coresieve-1d/x`), "");
  await expect(staging.read("plan.json")).rejects.toMatchObject({ code: "LIMIT" });
});

test("a host asks for the size of each shard once, however many it makes", async () => {
  const made = await planRun(8, { level: 31, codec: "lzo" });
  for (const [index] of made.plan.shards.entries()) await made.shard(index);
  const asked = (await double.log()).filter(({ method, name }) => method === "GET" && name.includes(".size"));
  expect(asked.length).toBe(made.plan.shards.length - 1);
  await made.finish();
});

test("two finish it where ETags are no digests of what was sent", async () => {
  // As with SSE-KMS: the object's is another than its parts' give.
  const other: StoreThread = {
    ...store,
    async head(at) {
      const found = await store.head(at);
      return found && at.key === "some/out" ? { ...found, etag: '"no digest"' } : found;
    },
  };
  const made = await planRun(2, { level: 0 }, other);
  for (const index of [0, 1]) await made.shard(index);
  const [result, second] = await Promise.all([made.finish(), made.finish()]);
  expect(second).toEqual(result);
  expect(await made.finish()).toEqual(result);
  await made.remove();
  await expectOnlyOutput((await wholeOf({ level: 0 })).bytes);
});

test("a part that the store has lost is named, and the output does not appear", async () => {
  let lost = 0;
  const other: StoreThread = {
    ...store,
    listParts: async (at, id) => (await store.listParts(at, id))?.filter(({ number }) => number !== lost),
  };
  const made = await planRun(2, { level: 0 }, other);
  for (const index of [0, 1]) await made.shard(index);
  lost = 2;
  await expect(made.finish()).rejects.toMatchObject({
    code: "CORRUPT",
    message: expect.stringMatching(/parts of shard 1 are not in the upload as they were sent/),
  });
  expect(await double.get("dumps/some/out")).toBe(undefined);
  await made.remove();
  expect([await double.names(), await double.uploads()]).toEqual([["dumps/vmcore"], []]);
});

test("what is to be removed stays while the store does not say which upload it is", async () => {
  const made = await planRun(1, { level: 0 });
  await double.fault({ method: "GET", match: "upload.json", kind: "status", status: 403, times: 9 });
  await expect(made.remove()).rejects.toMatchObject({ code: "NOT_READABLE" });
  await double.clear();
  await made.remove();
  expect([await double.names(), await double.uploads()]).toEqual([["dumps/vmcore"], []]);
});

test("a shard that is made again sends no part that the store has", async () => {
  const made = await planRun(2, { level: 0 });
  await made.shard(0);
  await made.shard(1);
  const sent = (await double.uploads())[0]?.parts.length;
  expect(sent).toBeGreaterThanOrEqual(2);
  await store.remove({ bucket: "dumps", key: `${made.prefix}shard-0001.done` });
  await double.clear();
  await made.shard(1);
  expect((await double.log()).filter(({ query }) => query.includes("partNumber="))).toEqual([]);
  await made.finish();
  await made.remove();
  await expectOnlyOutput((await wholeOf({ level: 0 })).bytes);
});

test.each([
  ["ELF, several parts", { level: 0, format: "elf" }],
  ["kdump, shards smaller than a part", { level: 31, codec: "lzo" }],
] as const)("%s: planned again with other shards, after some were made: the bytes of a single run", async (_, run) => {
  const before = await planRun(5, run);
  for (const index of [0, 1, 2]) await before.shard(index);
  const after = await planRun(2, run);
  await after.remove(after.own.staging.plan);
  // The upload of the earlier plan went with what else it left.
  expect((await double.uploads()).length).toBe(1);
  await expect(before.shard(3)).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  for (const index of after.plan.shards.keys()) await after.shard(index);
  expect(await missingShards(after.plan, after.own)).toEqual([]);
  await after.finish();
  await after.remove();
  await expectOnlyOutput((await wholeOf(run)).bytes);
});

test("a part that somebody replaced, and an upload that somebody ended: the shards are made again", async () => {
  const made = await planRun(2, { level: 0 });
  for (const index of [0, 1]) await made.shard(index);
  const at = { bucket: "dumps", key: "some/out" };
  const { uploadId = "" } = (await double.uploads())[0] ?? {};
  await store.uploadPart(at, uploadId, 2, new Uint8Array(new SharedArrayBuffer(8 << 20)));
  expect(await missingShards(made.plan, made.own)).toEqual([0]);
  await expect(made.finish()).rejects.toMatchObject({ code: "CORRUPT" });
  await made.shard(0);
  expect(await missingShards(made.plan, made.own)).toEqual([]);
  await store.abortUpload(at, uploadId);
  expect(await missingShards(made.plan, made.own)).toEqual([0, 1]);
  // As each round begins.
  await made.own.create();
  for (const index of [0, 1]) await made.shard(index);
  await made.finish();
  await made.remove();
  await expectOnlyOutput((await wholeOf({ level: 0 })).bytes);
});

test("the upload that one plan has named is not taken, or ended, for another's that was begun only", async () => {
  const made = await planRun(1, { level: 31 });
  const place = await outputPlace(OUT, "1d", async () => store);
  await double.put("dumps/some/out.coresieve-1d/88/begun.json", Buffer.from(`{"mark":"another"}`));
  await place.remove(made.own.staging.plan);
  expect((await double.uploads()).length).toBe(1);
  await made.remove();
  expect(await double.uploads()).toEqual([]);
  expect(await double.names()).toEqual(["dumps/vmcore"]);
});

test("a run that is over stays so: nothing is left by who has not heard of it", async () => {
  const made = await planRun(2, { level: 0 });
  await made.shard(0);
  await made.remove();
  expect(await double.names()).toEqual(["dumps/vmcore"]);
  expect(await double.uploads()).toEqual([]);
  await expect(made.shard(1)).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  await expect(made.finish()).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  expect(await double.names()).toEqual(["dumps/vmcore"]);
  expect(await double.uploads()).toEqual([]);
});

test.each([true, false])(
  "an upload that its planner could not note goes with the plan (another goes on: %s)",
  async (goesOn) => {
    const at = { bucket: "dumps", key: "some/out" };
    const place = await outputPlace(OUT, "1d", async () => store);
    const { create } = place.of("77");
    await double.put("dumps/some/out.coresieve-1d/77/begun.json", Buffer.from(`{"mark":"one"}`));
    await store.createUpload(at);
    if (goesOn) await Promise.all([create(), create()]);
    await place.remove();
    expect(await double.uploads()).toEqual([]);
    expect(await double.names()).toEqual(["dumps/vmcore"]);
  },
);

test("an upload of another plan, or run, that has begun it and not named it yet stays", async () => {
  const place = await outputPlace(OUT, "1d", async () => store);
  await double.fault({ method: "POST", match: "uploads", kind: "lost" });
  await place.of("77").create();
  await double.put("dumps/some/out.coresieve-2e/88/begun.json", Buffer.from(`{"mark":"another"}`));
  const { uploadId } = await store.createUpload({ bucket: "dumps", key: "some/out" });
  await place.removePlan("77");
  expect((await double.uploads()).map((one) => one.uploadId)).toContain(uploadId);
  // What was lost of either goes with the last.
  await (await outputPlace(OUT, "2e", async () => store)).remove();
  expect(await double.uploads()).toEqual([]);
});

test("uploads whose begin was done and not told go with the plan, and nobody else's do", async () => {
  const at = { bucket: "dumps", key: "some/out" };
  const place = await outputPlace(OUT, "1d", async () => store);
  await double.set({ clock: -60_000 });
  const before = (await store.createUpload(at)).uploadId;
  await double.set({ clock: 0 });
  await double.fault({ method: "POST", match: "uploads", kind: "lost", times: 2 });
  await place.of("77").create();
  // Another plan's, begun in the same second, that has no parts yet either; it is named.
  const other = await outputPlace(OUT, "2e", async () => store);
  await other.of("88").create();
  expect(await double.uploads()).toHaveLength(5);
  await place.removePlan("77");
  const { uploadId } = JSON.parse(
    ((await double.get("dumps/some/out.coresieve-2e/88/upload.json")) as Buffer).toString(),
  ) as { uploadId: string };
  expect((await double.uploads()).map((one) => one.uploadId).sort()).toEqual([before, uploadId].sort());
  await other.remove();
  expect((await double.uploads()).map((one) => one.uploadId)).toEqual([before]);
});

const SMALL = { bucket: "dumps", key: "some/out" };
const jsonOf = async (name: string) =>
  JSON.parse(((await double.get(name)) as Buffer).toString()) as { uploadId: string };

test("two begin it while the store's list does not show yet that one is named: the named one stays", async () => {
  const late: StoreThread = {
    ...store,
    list: async (at) => (await store.list(at)).filter(({ key }) => !key.endsWith("upload.json")),
  };
  const { create } = (await outputPlace(OUT, "1d", async () => late)).of("77");
  await Promise.all([create(), create()]);
  const { uploadId } = await jsonOf("dumps/some/out.coresieve-1d/77/upload.json");
  expect((await double.uploads()).map((one) => one.uploadId)).toEqual([uploadId]);
});

test.each([
  [{ kind: "status", status: 503, code: "SlowDown" }, undefined],
  [{ kind: "status", status: 429, code: "TooManyRequests" }, undefined],
  [{ kind: "status", status: 500, code: "InternalError" }, true],
  [{ kind: "status", status: 504, code: "GatewayTimeout" }, true],
  [{ kind: "lost" }, true],
] as const)("begin answered by %j: whether another upload may be lost: %s", async (fault, mayHaveLost) => {
  await double.fault({ method: "POST", match: "uploads", ...fault });
  await (await outputPlace(OUT, "1d", async () => store)).of("77").create();
  expect(await jsonOf("dumps/some/out.coresieve-1d/77/upload.json")).toEqual({
    ...{ uploadId: expect.any(String), mark: expect.any(String) },
    ...(mayHaveLost && { mayHaveLost }),
  });
});

test("a plan that was begun only is taken over by who may not list objects", async () => {
  await double.put("dumps/some/out.coresieve-1d/77/begun.json", Buffer.from(`{"mark":"one"}`));
  await store.createUpload(SMALL);
  await double.fault({
    method: "GET",
    match: "list-type",
    kind: "status",
    status: 403,
    code: "AccessDenied",
    times: 9,
  });
  await (await outputPlace(OUT, "1d", async () => store)).of("77").create();
  const { uploadId } = await jsonOf("dumps/some/out.coresieve-1d/77/upload.json");
  expect((await double.uploads()).map((one) => one.uploadId)).toContain(uploadId);
});

test("an account that may not list uploads: a removal says that one may be left, where one may be", async () => {
  const refused = { method: "GET", match: "uploads=", kind: "status", status: 403, code: "AccessDenied" } as const;
  await double.fault({ ...refused, times: 99 });
  for (const isLost of [true, false]) {
    const place = await outputPlace(OUT, "1d", async () => store);
    if (isLost) await double.fault({ method: "POST", match: "uploads", kind: "lost" });
    await place.of("77").create();
    await place.removePlan("77");
    expect(place.unsure?.()).toEqual(
      isLost ? expect.stringContaining("unfinished uploads cannot be listed") : undefined,
    );
  }
});

test("the search for lost uploads fails: the named one is ended, and the plan removed", async () => {
  const place = await outputPlace(OUT, "1d", async () => store);
  await double.fault({ method: "POST", match: "uploads", kind: "lost" });
  await place.of("77").create();
  const { uploadId } = await jsonOf("dumps/some/out.coresieve-1d/77/upload.json");
  await double.put("dumps/some/out.coresieve-2e/88/upload.json", Buffer.from(`{"uploadId":"another"}`));
  await double.fault({
    method: "GET",
    match: "2e/88/upload",
    kind: "status",
    status: 403,
    code: "AccessDenied",
    times: 9,
  });
  await place.removePlan("77");
  expect((await double.uploads()).map((one) => one.uploadId)).not.toContain(uploadId);
  expect((await double.names()).filter((name) => name.includes("-1d/"))).toEqual([]);
});

test.each([
  ["5 s before, by another node's clock", -5000, true],
  ["long before", -60_000, false],
  ["after the patience of 5 s and the longest request", 200_000, false],
] as const)("an upload begun %s: whether it counts as the plan's", async (_, clock, isOwn) => {
  await double.put("dumps/some/out.coresieve-1d/77/begun.json", Buffer.from(`{"mark":"one"}`));
  await double.set({ clock });
  const { uploadId } = await store.createUpload(SMALL);
  await double.set({ clock: 0 });
  await (await outputPlace(OUT, "1d", async () => store)).remove();
  expect((await double.uploads()).map((one) => one.uploadId)).toEqual(isOwn ? [] : [uploadId]);
});

test("no answer says that an upload is begun, for longer than the patience: what was begun goes with the staging", async () => {
  const impatient = { ...store, createUpload: async () => Promise.reject(new DumpError("NOT_WRITABLE", "away")) };
  const place = await outputPlace(OUT, "1d", async () => impatient);
  await expect(place.of("77").create()).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  for (let i = 0; i < 3; i++) await store.createUpload({ bucket: "dumps", key: "some/out" });
  await place.remove();
  expect(await double.uploads()).toEqual([]);
  expect(await double.names()).toEqual(["dumps/vmcore"]);
});

test("an object that came meanwhile stays, unless it may be overwritten", async () => {
  const made = await planRun(2, { level: 0 });
  await made.shard(0);
  await made.shard(1);
  await double.put("dumps/some/out", Buffer.from("mine"));
  await expect(made.finish()).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  expect(((await double.get("dumps/some/out")) as Buffer).toString()).toBe("mine");
  // Overwritten where that is wanted, with what is there already.
  await made.finish(true);
  await made.remove();
  await expectOnlyOutput((await wholeOf({ level: 0 })).bytes);
});

describe("parts that lie in a stretch", () => {
  const MIB = 2 ** 20;
  const plan = partPlan(40 * MIB);
  test.each([
    [0, 40, 0, 5],
    [0, 39, 0, 4],
    [1, 40, 1, 5],
    [8, 16, 1, 2],
    [9, 15, 2, 2],
    [9, 23, 2, 2],
    [7, 33, 1, 4],
  ])("[%i, %i) MiB: [%i, %i)", (start, end, first, last) => {
    expect(partsWithin(plan, start * MIB, end * MIB)).toEqual({ first, end: last });
  });
});
