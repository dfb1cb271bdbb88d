/** Something done is never recognised by a file's being there: what another plan left, or what was changed after it was written, is made again. */
import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { packageVersion } from "../../src/package-version.js";
import { setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { asPieces, type BitmapPieces } from "../../src/reader/bitmap-pieces.js";
import { planToFinish } from "../../src/shard/finish-plan.js";
import { folderPlace } from "../../src/shard/folder-place.js";
import { missingShards } from "../../src/shard/left-shards.js";
import { planFiles, readPlan } from "../../src/shard/plan-files.js";
import { seal, unseal } from "../../src/shard/sealed.js";
import { readDone, writeDone } from "../../src/shard/shard-done.js";
import type { Staging } from "../../src/shard/staging.js";
import { collectGarbage } from "../../src/store/collect-garbage.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";
import { planInFolder } from "../support/folder-shards.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const input = join(folder, "vmcore");
const output = join(folder, "out");
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());
beforeAll(() => writeFileSync(input, sampleDump()));
afterEach(() => {
  rmSync(output, { force: true });
  rmSync(`${output}.coresieve-1d`, { recursive: true, force: true });
});

const wholes = new Map<string, Buffer>();
async function whole(by: RunOptions): Promise<Buffer> {
  const key = JSON.stringify(by);
  const path = join(folder, "whole");
  if (!wholes.has(key)) {
    await filterFile(input, path, { ...by, workers: threads });
    wholes.set(key, readFileSync(path));
  }
  return wholes.get(key) as Buffer;
}
const planned = (shards: number, by: RunOptions) =>
  planInFolder({ input, output, spoolDir: folder, threads }, shards, by);
type Planned = Awaited<ReturnType<typeof planned>>;

async function finishAndCompare(run: Planned, by: RunOptions): Promise<void> {
  for (const index of run.plan.shards.keys()) await run.shard(index);
  expect(await missingShards(run.plan, run.place)).toEqual([]);
  const result = await run.finish();
  const bytes = await whole(by);
  expect([result.outputBytes, readFileSync(output).equals(bytes)]).toEqual([bytes.length, true]);
}

describe.each([
  ["ELF, level 0", { level: 0, format: "elf" }],
  ["ELF with holes", { level: 31, format: "elf" }],
  ["kdump, LZO", { level: 31, codec: "lzo" }],
] as const)("%s", (_, by) => {
  test.each([
    [5, 2],
    [2, 5],
    [4, 4],
  ])("%i shards, of which some are made, then %i: the bytes of a single run", async (first, second) => {
    const before = await planned(first, by);
    for (let index = 0; index < first - 1; index++) await before.shard(index);
    const after = await planned(second, by);
    expect(after.digest === before.digest).toBe(first === second);
    await after.run.remove(after.digest);
    await finishAndCompare(after, by);
  });

  test.each([
    ["its bytes in the output are overwritten", (at) => overwrite(at("output.partial"))],
    ["the output is cut off", (at) => truncateSync(at("output.partial"), 100_000)],
    ["the output is another file", (at) => writeFileSync(at("output.partial"), "")],
    ["what it said is damaged", (at) => flip(at("shard-0001.done"))],
    ["what it said is another shard's", (at) => copyFileSync(at("shard-0000.done"), at("shard-0001.done"))],
    ["its edges are another's", (at) => copyFileSync(at("shard-0000.edges"), at("shard-0001.edges"))],
    ["its size is damaged", (at) => existsSync(at("shard-0001.size")) && flip(at("shard-0001.size"))],
    ["its records are damaged", (at) => existsSync(at("shard-0001.records")) && flip(at("shard-0001.records"))],
  ] as readonly [string, (at: (name: string) => string) => void][])(
    "a shard was done, and %s: it is made again",
    async (_what, damage) => {
      const run = await planned(3, by);
      for (const index of [0, 1, 2]) await run.shard(index);
      damage((name) => join(run.place.staging.name, name));
      await finishAndCompare(run, by);
    },
  );
});

test("a shard of ELF output that lies elsewhere, or is of another size, than the plan says is refused by who finishes it", async () => {
  const run = await planned(3, { level: 0, format: "elf" });
  for (const index of [0, 1, 2]) await run.shard(index);
  const { staging } = run.place;
  const done = await readDone(staging, run.plan, 1);
  if (done === undefined) throw new Error("it is done");
  for (const wrong of [{ start: done.start + 4096 }, { size: done.size - 4096 }, { zeroPages: 1 }]) {
    await writeDone(staging, { ...done, ...wrong });
    expect(await missingShards(run.plan, run.place)).toEqual([1]);
    await expect(run.finish()).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining("shard 2") });
    expect(existsSync(output)).toBe(false);
  }
  await writeDone(staging, { ...done, edges: [{ offset: 0, bytes: new Uint8Array(8) }] });
  await expect(run.finish()).rejects.toMatchObject({ code: "CORRUPT" });
});

test("kdump output that is cut off after its shards were done is not finished", async () => {
  const run = await planned(2, { level: 0 });
  for (const index of [0, 1]) await run.shard(index);
  truncateSync(join(run.place.staging.name, "output.partial"), 5_000_000);
  expect(await missingShards(run.plan, run.place)).toEqual([0, 1]);
});

test("a staging that somebody removed, by whom has it open and by who has not: all shards are missing, and an error names it", async () => {
  const run = await planned(2, { level: 0 });
  for (const index of [0, 1]) await run.shard(index);
  const folder = dirname(run.place.staging.name);
  rmSync(folder, { recursive: true });
  const fresh = folderPlace(output, "1d");
  for (const place of [run.place, fresh.of(run.digest)]) {
    expect(await missingShards(run.plan, place)).toEqual([0, 1]);
    const error: unknown = await place.sink(run.plan, false).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "NOT_WRITABLE", file: expect.stringContaining(folder) });
  }
  fresh.letGo();
});

test("the plan of another version of the program is not gone on with", async () => {
  const { plan, place } = await planned(2, { level: 31 });
  expect(plan.program).toBe(packageVersion());
  const other = await planFiles({ ...plan, program: "99.0.0" });
  expect(other.digest).not.toBe(place.staging.plan);
  const staging: Staging = { ...place.staging, plan: other.digest, read: async (name) => other.files.get(name) };
  await expect(readPlan(staging)).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("is the plan of coresieve 99.0.0"),
  });
});

async function piecesOf({ pieces }: BitmapPieces): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces()) all.push(Uint8Array.from(piece));
  return all;
}

test("the bitmap of existing pages is never in memory as a whole: it comes out of a staging in pieces", async () => {
  const { plan, place } = await planned(2, { level: 31 });
  // Of 512 GiB: 16 MiB.
  const large = sharedBitmap(2 ** 27);
  setBits(large, 5, 2 ** 26);
  const { digest, files } = await planFiles({ ...plan, exists: asPieces(large) });
  const read = await readPlan({ ...place.staging, plan: digest, read: async (name) => files.get(name) });
  const pieces = await piecesOf(read.exists);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(2 ** 20);
  expect(Buffer.concat(pieces).equals(large.bytes)).toBe(true);
  // Once more, as a finishing job that failed.
  expect(Buffer.concat(await piecesOf(read.exists)).equals(large.bytes)).toBe(true);
});

test("a packed bitmap of a plan that is damaged, cut off, longer or gone is noticed when the plan is read", async () => {
  const { plan, place } = await planned(2, { level: 31 });
  const { digest, files } = await planFiles(plan);
  expect(digest).toBe(place.staging.plan);
  const packed = files.get("exists") as Uint8Array;
  const whole = new Uint8Array(Buffer.concat(await piecesOf(plan.exists)));
  const flipped = Uint8Array.from(whole, (byte, i) => (i === 5 ? byte ^ 1 : byte));
  const readWith = (exists: Uint8Array | undefined) =>
    readPlan({ ...place.staging, read: async (name) => (name === "exists" ? exists : files.get(name)) });
  for (const exists of [
    ...[undefined, new Uint8Array(0), packed.subarray(0, -1), whole],
    ...[flipped, whole.subarray(0, -8), Buffer.concat([whole, new Uint8Array(8)])].map((one) => deflateRawSync(one)),
  ]) {
    await expect(readWith(exists)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining("exists"),
    });
  }
  // Another library packs the same bytes in another way: it is the same plan.
  const read = await readWith(deflateRawSync(whole, { level: 9 }));
  expect(Buffer.concat(await piecesOf(read.exists)).equals(Buffer.from(whole))).toBe(true);
});

test("who finishes has no bitmap of kept pages in memory, nor the files of who planned", async () => {
  const { plan, place } = await planned(2, { level: 31 });
  // In a function of its own: one that awaits a plan has it until it ends.
  const toFinish = async () => {
    const { digest, files } = await planFiles({ ...plan, keptBits: sharedBitmap(2 ** 27) });
    const staging = { ...place.staging, plan: digest };
    const read = () => readPlan({ ...staging, read: async (name) => files.get(name) });
    const buffers: WeakRef<object>[] = [];
    const finish = await planToFinish(async () => {
      const whole = await read();
      buffers.push(new WeakRef(whole.keptBits.bytes.buffer));
      return whole;
    }, staging);
    return { finish, buffers };
  };
  const { finish, buffers } = await toFinish();
  await new Promise(setImmediate);
  collectGarbage(Number.POSITIVE_INFINITY);
  expect([buffers.length, buffers[0]?.deref(), "pieces" in finish.keptBits]).toEqual([1, undefined, true]);
  expect(Buffer.concat(await piecesOf(finish.exists)).length).toBeGreaterThan(0);
});

test.each([
  ["damaged", "was changed after it was written", (path: string) => flip(path)],
  ["cut off", "was changed after it was written", (path: string) => truncateSync(path, 100)],
  ["longer", "was changed after it was written", (path: string) => writeFileSync(path, Buffer.alloc(8), { flag: "a" })],
  ["gone", "is not there", (path: string) => rmSync(path)],
])(
  "the bitmap of kept pages is %s when the output is finished: no output; as it was, the output is that of a single run",
  async (_, what, damage) => {
    const run = await planned(2, { level: 31 });
    for (const index of [0, 1]) await run.shard(index);
    const path = join(run.place.staging.name, "kept");
    const before = readFileSync(path);
    damage(path);
    await expect(run.finish()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`kept ${what}`),
    });
    expect(existsSync(output)).toBe(false);
    writeFileSync(path, before);
    await finishAndCompare(run, { level: 31 });
  },
);

test("what is sealed is of one plan and one name, and whole", () => {
  const bytes = seal("a", "x", { n: 1, u: undefined });
  expect(unseal("a", "x", bytes)).toEqual({ n: 1 });
  expect(unseal("b", "x", bytes)).toBe(undefined);
  expect(unseal("a", "y", bytes)).toBe(undefined);
  expect(unseal("a", "x", undefined)).toBe(undefined);
  for (let cut = 0; cut < bytes.length; cut++) expect(unseal("a", "x", bytes.subarray(0, cut))).toBe(undefined);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = (damaged[at] as number) ^ 1;
    expect([at, unseal("a", "x", damaged)]).toEqual([at, undefined]);
  }
});

/** Some bytes in the middle of every MiB. */
function overwrite(path: string): void {
  const bytes = readFileSync(path);
  for (let at = 1 << 17; at < bytes.length; at += 1 << 17) bytes.fill(0xa5, at, at + 64);
  writeFileSync(path, bytes);
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}
