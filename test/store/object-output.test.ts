/** Dumps written to an object store: the file's bytes, nothing left behind by failures, nothing sent twice after a kill. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import { openDump } from "../../src/reader/open.js";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { FIRST_PART_SIZE } from "../../src/store/part-plan.js";
import { ObjectUpload } from "../../src/store/upload.js";
import { Warnings } from "../../src/warnings.js";
import { createObjectSink } from "../../src/writer/object-sink.js";
import { openFileSink } from "../../src/writer/open-file-sink.js";
import { reassembleDump } from "../../src/writer/reassemble.js";
import { expectFailure, runCli, startCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";

let store: S3Double;
const folder = temporaryFolder();
const file = join(folder, "vmcore");

beforeAll(async () => {
  store = await startS3Double();
  writeFileSync(file, sampleDump());
});
afterAll(() => store.stop());
beforeEach(() => store.reset());

/** Parts of at least 5 MiB each: the sample's pages as they are, 12 MiB at level 31 and 33 MB at level 0. */
const objectOf = async (name: string) => (await store.get(name)) as Buffer;

test.each([
  ["kdump, several parts", { level: 0 }],
  ["kdump, zlib, one part", { level: 31, codec: "zlib" }],
  ["ELF with holes", { level: 31, format: "elf" }],
] as const)("%s: the bytes that a file gets", async (_, options) => {
  const expected = join(folder, "expected");
  const { upload: none, ...result } = await filterFile(file, expected, options);
  const { upload, ...found } = await filterFile(file, { path: "s3://dumps/out", force: true }, options);
  expect((await objectOf("dumps/out")).equals(readFileSync(expected))).toBe(true);
  expect(found).toEqual(result);
  expect(none).toBe(undefined);
  expect(upload).toMatchObject({ resumed: 0, bytesSent: result.outputBytes });
  expect(await store.uploads()).toEqual([]);
});

test("the part with the headers is sent last, and one part takes one request", async () => {
  await filterFile(file, "s3://dumps/out", { level: 0 });
  const parts = (await store.log()).filter(({ method, query }) => method === "PUT" && query.includes("partNumber"));
  expect(parts.length).toBeGreaterThan(2);
  expect(parts.at(-1)?.query).toMatch(/partNumber=1\b/);
  await store.clear();
  await filterFile(file, "s3://dumps/small", { level: 31, codec: "zlib" });
  expect((await store.log()).map(({ method }) => method)).toEqual(["PUT"]);
});

test("a write without bytes ends no part that waits for the rest of its own, as where two shards meet", async () => {
  const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
  sink.ascendingFrom?.(0);
  const expected = Buffer.alloc(3 * FIRST_PART_SIZE, "of two shards that meet within a part; ");
  const border = 1.5 * FIRST_PART_SIZE;
  await sink.write(expected.subarray(0, FIRST_PART_SIZE), 0);
  await sink.write(expected.subarray(FIRST_PART_SIZE, border), FIRST_PART_SIZE);
  await sink.write(new Uint8Array(0), expected.length);
  await sink.write(expected.subarray(border), border);
  await sink.finish(expected.length);
  expect((await objectOf("dumps/out")).equals(expected)).toBe(true);
});

test("split sets and packed outputs go to stores, too", async () => {
  const expected = ["a", "b"].map((name) => join(folder, name));
  await filterFile(file, { paths: expected, force: true }, { level: 0 });
  await filterFile(file, { paths: ["s3://dumps/a", "s3://dumps/b"] }, { level: 0 });
  for (const [i, name] of ["dumps/a", "dumps/b"].entries()) {
    expect((await objectOf(name)).equals(readFileSync(expected[i] as string)), name).toBe(true);
  }
  await filterFile(file, { path: join(folder, "out.gz"), force: true, pack: "gzip" });
  await filterFile(file, { path: "s3://dumps/out.gz", pack: "gzip" });
  expect((await objectOf("dumps/out.gz")).equals(readFileSync(join(folder, "out.gz")))).toBe(true);
});

test("a split set is put together in a store, and an object that is there stays", async () => {
  const parts = ["a", "b"].map((name) => join(folder, name));
  const whole = join(folder, "whole");
  await filterFile(file, { paths: parts, force: true }, { level: 0 });
  const set = openDump(parts);
  await reassembleDump(set, { path: whole, force: true });
  await reassembleDump(set, { path: "s3://dumps/whole" });
  expect((await objectOf("dumps/whole")).equals(readFileSync(whole))).toBe(true);
  const again = reassembleDump(set, { path: "s3://dumps/whole" });
  await expect(again).rejects.toMatchObject({ code: "OUTPUT_EXISTS", file: "s3://dumps/whole" });
  set.close();
  expect(await store.uploads()).toEqual([]);
});

test("an object that is there stays, unless --force; the input is no output; what comes meanwhile stays, too", async () => {
  await store.put("dumps/out", Buffer.from("mine"));
  await expect(filterFile(file, { path: "s3://dumps/out" })).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  expect(() => createObjectSink("s3://dumps/in", { force: true, inputs: ["s3://dumps/in"] })).toThrow("is the input");
  for (const conditions of [true, "refused"] as const) {
    await store.reset();
    await store.set({ conditions });
    const sink = createObjectSink("s3://dumps/out", { force: false, inputs: [] });
    await sink.ready?.();
    await store.put("dumps/out", Buffer.from("mine"));
    sink.ascendingFrom?.(0);
    const bytes = new Uint8Array(FIRST_PART_SIZE + 1).fill(1);
    await sink.write(bytes, 0);
    await expect(sink.finish(bytes.length)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await sink.abort();
    expect(await store.uploads()).toEqual([]);
    expect((await objectOf("dumps/out")).toString()).toBe("mine");
  }
});

test("busy stores and cut connections are asked again; a completion whose answer is lost is one", async () => {
  const expected = join(folder, "expected");
  await filterFile(file, expected, { level: 0 });
  await store.fault({ method: "POST", kind: "status", status: 503, code: "SlowDown", times: 2 });
  await store.fault({ method: "PUT", kind: "reset", times: 2 });
  await store.fault({ method: "PUT", kind: "status", status: 500, code: "InternalError", times: 2, skip: 2 });
  await store.fault({ method: "POST", match: "uploadId", kind: "lost" });
  await filterFile(file, { path: "s3://dumps/out" }, { level: 0 });
  expect((await objectOf("dumps/out")).equals(readFileSync(expected))).toBe(true);
  expect(await store.uploads()).toEqual([]);
});

test.each([
  ["parts", FIRST_PART_SIZE + 1000],
  ["a small object", 1000],
])("what the head of an answer confirms is not sent again, whatever comes behind it: %s", async (_, size) => {
  await store.fault({ method: "PUT", kind: "cut", times: 9 });
  const sink = await openFileSink("s3://dumps/out", {}, []);
  const bytes = randomBytes(size);
  await sink.write(bytes, 0);
  await sink.finish(bytes.length);
  expect((await objectOf("dumps/out")).equals(bytes)).toBe(true);
  const sent = (await store.log()).filter(({ method }) => method === "PUT").map(({ query }) => query);
  expect(sent.length).toBe(new Set(sent).size);
});

test("what the store refuses in the middle leaves nothing there", async () => {
  await store.fault({ method: "PUT", kind: "status", status: 403, code: "AccessDenied", skip: 1, times: 9 });
  await expect(filterFile(file, { path: "s3://dumps/out" }, { level: 0 })).rejects.toMatchObject({
    code: "NOT_WRITABLE",
    file: "s3://dumps/out",
  });
  expect(await store.names()).toEqual([]);
  expect(await store.uploads()).toEqual([]);
});

test("where the upload cannot be aborted the error names the command that does it, and the command does", async () => {
  await store.fault({ method: "PUT", kind: "status", status: 403, code: "AccessDenied", times: 9 });
  await store.fault({ method: "DELETE", kind: "status", status: 403, code: "AccessDenied" });
  const run = await runHere([file, "s3://dumps/a/out", "-d", "0", "--compress", "none", "-q"]);
  expectFailure(run, 1, "access denied", "`coresieve uploads --abort s3://dumps/a/out`");
  expect(run.stderr).not.toContain("no-secret-at-all");
  expect(await store.uploads()).toHaveLength(1);
  const list = await runHere(["uploads", "s3://dumps/a", "--json"]);
  expect(JSON.parse(list.stdout.toString())).toMatchObject([{ path: "s3://dumps/a/out", parts: 0, aborted: false }]);
  expect((await runHere(["uploads", "--abort", "s3://dumps/a/out"])).stdout.toString()).toContain("aborted");
  expect(await store.uploads()).toEqual([]);
});

test("a run that was killed is gone on with: parts that are there are not sent again", async () => {
  const expected = join(folder, "expected");
  await filterFile(file, expected, { level: 0 });
  // The last part, with the headers, gets no answer: so the run is killed between the others and it.
  await store.fault({ method: "PUT", match: "partNumber=1&", kind: "silent" });
  const run = startCli([file, "s3://dumps/out", "-d", "0", "--compress", "none"]);
  while (!(await store.log()).some(({ query }) => /partNumber=1&/.test(query)))
    await new Promise((r) => setTimeout(r, 20));
  run.child.kill("SIGKILL");
  await run.ended;
  const [left] = await store.uploads();
  expect(left?.parts.length).toBeGreaterThan(1);
  await store.clear();
  const { upload } = await filterFile(file, { path: "s3://dumps/out" }, { level: 0 });
  expect((await objectOf("dumps/out")).equals(readFileSync(expected))).toBe(true);
  expect(upload?.resumed).toBe(left?.parts.length);
  expect(upload?.bytesSent).toBeLessThan(readFileSync(expected).length / 2);
  const sent = (await store.log()).filter(({ method, query }) => method === "PUT" && query.includes("partNumber"));
  expect(sent).toHaveLength((upload?.parts ?? 0) - (upload?.resumed ?? 0));
  expect(await store.uploads()).toEqual([]);
});

test("parts of another content are sent again", async () => {
  const at = { bucket: "dumps", key: "out" };
  const s3 = openStore();
  const { uploadId: id } = await s3.createUpload(at);
  await s3.uploadPart(at, id, 2, new Uint8Array(FIRST_PART_SIZE).fill(7));
  await s3.close();
  const expected = join(folder, "expected");
  await filterFile(file, expected, { level: 0 });
  const { upload } = await filterFile(file, { path: "s3://dumps/out" }, { level: 0 });
  expect(upload?.resumed).toBe(0);
  expect((await objectOf("dumps/out")).equals(readFileSync(expected))).toBe(true);
});

/** Where the tests below write. */
const OUT = { bucket: "dumps", key: "out" };

test("an upload of a run by many hosts, which its staging names, is neither continued nor ended by a single run", async () => {
  const expected = join(folder, "expected");
  await filterFile(file, expected, { level: 0 });
  const s3 = openStore();
  const { uploadId } = await s3.createUpload(OUT);
  const second = readFileSync(expected).subarray(FIRST_PART_SIZE, 2 * FIRST_PART_SIZE);
  await s3.uploadPart(OUT, uploadId, 2, second);
  await store.put("dumps/out.coresieve-1d/77/upload.json", Buffer.from(JSON.stringify({ uploadId, mark: "one" })));
  const { upload } = await filterFile(file, { path: "s3://dumps/out" }, { level: 0 });
  expect(upload?.resumed).toBe(0);
  expect((await store.uploads()).map((one) => [one.uploadId, one.parts])).toEqual([[uploadId, [2]]]);
  expect((await objectOf("dumps/out")).equals(readFileSync(expected))).toBe(true);
  // Who may not ask whose it is does not take it, either.
  await store.fault({ method: "GET", match: "list-type", kind: "status", status: 403, code: "AccessDenied", times: 9 });
  await filterFile(file, { path: "s3://dumps/out", force: true }, { level: 0 });
  expect((await store.uploads()).map((one) => one.uploadId)).toEqual([uploadId]);
  await s3.close();
});

test("an upload that a run continues, and to which another may send meanwhile, stays when the run fails, and is named", async () => {
  const s3 = openStore();
  const { uploadId } = await s3.createUpload(OUT);
  const part = new Uint8Array(FIRST_PART_SIZE).fill(7);
  await s3.uploadPart(OUT, uploadId, 2, part);
  for (const other of [3, undefined]) {
    const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
    sink.ascendingFrom?.(0);
    sink.atMost?.(9 * FIRST_PART_SIZE);
    for (const number of [1, 2, 4]) await sink.write(part, (number - 1) * FIRST_PART_SIZE);
    const sent = async () =>
      (await store.log()).some(({ query, status }) => /partNumber=4&/.test(query) && status === 200);
    const reuses = async () => (await store.log()).some(({ query }) => /part-number-marker|^\?uploadId=/.test(query));
    await expect.poll(other === undefined ? reuses : sent, { timeout: 20_000 }).toBe(true);
    if (other !== undefined) await s3.uploadPart(OUT, uploadId, other, part);
    await sink.abort();
    expect(sink.leftBehind?.()).toContain("`coresieve uploads --abort s3://dumps/out` to remove it");
    expect((await store.uploads()).map((one) => one.uploadId)).toEqual([uploadId]);
    await store.clear();
  }
  await s3.close();
});

test("an upload whose name another account may read only is neither continued nor ended, and fails no run", async () => {
  const s3 = openStore();
  const { uploadId } = await s3.createUpload(OUT);
  await s3.uploadPart(OUT, uploadId, 2, new Uint8Array(FIRST_PART_SIZE).fill(7));
  await store.put("dumps/out.coresieve-1d/77/upload.json", Buffer.from(JSON.stringify({ uploadId, mark: "one" })));
  await store.fault({
    method: "GET",
    match: "upload.json",
    kind: "status",
    status: 403,
    code: "AccessDenied",
    times: 9,
  });
  await store.fault({ method: "POST", match: "uploads", kind: "lost" });
  const { upload } = await filterFile(file, { path: "s3://dumps/out" }, { level: 0 });
  expect(upload?.resumed).toBe(0);
  expect((await store.uploads()).map((one) => one.uploadId)).toContain(uploadId);
  await s3.close();
});

test.each([
  ["refused", 404, "NoSuchUpload"],
  ["stored", undefined, undefined],
] as const)(
  "an upload is begun again while another part is on its way to the old one, which is %s: it is sent to the new one",
  async (_, status, code) => {
    const begun = ["old", "new"];
    const got: Record<string, number[]> = { old: [], new: [] };
    const gone = new DumpError("NOT_WRITABLE", "gone", { systemError: "NoSuchUpload" });
    let late = (): void => undefined;
    const isLate = new Promise<void>((resolve) => {
      late = resolve;
    });
    const fake = {
      listUploads: async () => [],
      createUpload: async () => ({ uploadId: begun.shift(), unanswered: 0 }),
      async sendPart(_at: unknown, id: string, number: number, bytes: Uint8Array) {
        if (id === "old" && number === 2) throw gone;
        if (id === "old") {
          await isLate;
          if (code !== undefined) throw gone;
        }
        got[id]?.push(number);
        if (id === "new" && number === 2) late();
        return { part: { number, size: bytes.length, etag: `"${id}-${number}"` }, sent: true };
      },
      completeUpload: async (_at: unknown, id: string, parts: readonly { etag: string }[]) => {
        expect(parts.every(({ etag }) => etag.startsWith(`"${id}-`))).toBe(true);
      },
    };
    const upload = new ObjectUpload(fake as unknown as StoreThread, OUT, true);
    upload.ascendingFrom(0);
    upload.atMost(3 * FIRST_PART_SIZE);
    const part = new Uint8Array(FIRST_PART_SIZE);
    // Headers are sent last: the first part is written behind them.
    for (const index of [1, 2]) await upload.write(part, index * FIRST_PART_SIZE);
    await upload.finish(3 * FIRST_PART_SIZE);
    expect(got["new"]?.sort()).toEqual([1, 2, 3]);
    expect(status === undefined ? got["old"]?.length : 1).toBeGreaterThan(0);
  },
);

test("uploads cannot be listed, and no answer says that one is begun: a failing run says that it may be left", async () => {
  await store.fault({ method: "GET", match: "uploads", kind: "status", status: 403, code: "AccessDenied", times: 9 });
  await store.fault({ method: "POST", match: "uploads", kind: "lost" });
  await store.fault({
    method: "PUT",
    match: "partNumber",
    kind: "status",
    status: 403,
    code: "AccessDenied",
    times: 9,
  });
  await expect(filterFile(file, { path: "s3://dumps/out" }, { level: 0 })).rejects.toMatchObject({
    left: expect.stringContaining("unfinished uploads cannot be listed"),
  });
});

test.each([2, 5])(
  "an upload is ended while it has no part, in %d of its requests: another is begun, if it has none",
  async (times) => {
    await store.fault({ method: "PUT", match: "partNumber", kind: "status", status: 404, code: "NoSuchUpload", times });
    const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
    sink.ascendingFrom?.(0);
    sink.atMost?.(4 * FIRST_PART_SIZE);
    const write = async () => {
      for (const at of [0, 1, 2]) await sink.write(new Uint8Array(FIRST_PART_SIZE).fill(at), at * FIRST_PART_SIZE);
      await sink.finish(3 * FIRST_PART_SIZE);
    };
    if (times === 2) {
      await write();
      expect(await objectOf("dumps/out")).toHaveLength(3 * FIRST_PART_SIZE);
    } else {
      await expect(write()).rejects.toMatchObject({ code: "NOT_WRITABLE", systemError: "NoSuchUpload" });
      await sink.abort();
    }
  },
);

test.each([
  ["a run", [file, "s3://dumps/out", "--strict"], 1],
  ["split", ["split", file, "s3://dumps/a", "s3://dumps/b"], 2],
  ["reassemble", ["reassemble", join(folder, "part1"), join(folder, "part2"), "s3://dumps/out"], 1],
  ["rearrange", ["rearrange", join(folder, "flat"), "s3://dumps/out"], 1],
] as const)("uploads cannot be listed: %s says so, once for all outputs", async (_, args, outputs) => {
  const level = ["-d", "0", "--compress", "none"];
  if (args[0] === "reassemble") await runHere(["split", file, args[1], args[2] as string, ...level, "-f"]);
  if (args[0] === "rearrange") writeFileSync(args[1], (await runCli(["-F", file, ...level])).stdout);
  await store.fault({ method: "GET", match: "uploads", kind: "status", status: 403, code: "AccessDenied", times: 9 });
  const run = await runHere([...args, ...(/^re/.test(args[0]) ? [] : level)]);
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 });
  expect(run.stderr.match(/unfinished uploads cannot be listed/g)).toHaveLength(1);
  expect((await store.log()).filter(({ query }) => query.includes("partNumber=1"))).toHaveLength(outputs);
});

test("uploads cannot be listed: a packed output says so", async () => {
  await store.fault({ method: "GET", match: "uploads", kind: "status", status: 403, code: "AccessDenied", times: 9 });
  const warnings = new Warnings({ strict: true });
  const sink = await openFileSink("s3://dumps/out.gz", { pack: "gzip", warnings }, []);
  const bytes = randomBytes(FIRST_PART_SIZE + 1000);
  await sink.write(bytes, 0);
  await sink.finish(bytes.length);
  expect(warnings.list).toMatchObject([{ code: "UPLOADS_UNLISTED", count: 1 }]);
});

test("a store that does not know the list of uploads answers with its objects: the output is made, and the run says so", async () => {
  await store.fault({ method: "GET", match: "uploads", kind: "objects", times: 9 });
  const warnings = new Warnings({ strict: true });
  const sink = await openFileSink("s3://dumps/out", { warnings }, []);
  const bytes = randomBytes(FIRST_PART_SIZE + 1000);
  await sink.write(bytes, 0);
  await sink.finish(bytes.length);
  expect(warnings.list).toMatchObject([
    { code: "UPLOADS_UNLISTED", message: expect.stringContaining("or the store does not know the request") },
  ]);
});

test.each([1, 3])(
  "an upload whose begin was done and not told, %d times: it goes, and nobody else's does",
  async (times) => {
    const s3 = openStore();
    const at = { bucket: "dumps", key: "out" };
    const { uploadId: foreign } = await s3.createUpload(at);
    await store.fault({ method: "POST", match: "uploads", kind: "lost", times });
    const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
    sink.atMost?.(2 * FIRST_PART_SIZE);
    for (const at of [0, FIRST_PART_SIZE]) await sink.write(new Uint8Array(FIRST_PART_SIZE).fill(7), at);
    // Whoever begins one later has not sent a part yet.
    await expect.poll(async () => (await store.uploads()).length, { timeout: 20_000 }).toBe(times + 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { uploadId: later } = await s3.createUpload(at);
    await sink.finish(2 * FIRST_PART_SIZE);
    expect((await store.uploads()).map(({ uploadId }) => uploadId)).toEqual([foreign, later]);
    await s3.close();
  },
);

test("more uploads than answers were lost: one is somebody else's, and all stay", async () => {
  await store.set({ latency: 100 });
  await store.fault({ method: "POST", match: "uploads", kind: "lost" });
  const s3 = openStore();
  const sink = createObjectSink("s3://dumps/out", { force: true, inputs: [] });
  sink.atMost?.(2 * FIRST_PART_SIZE);
  for (const at of [0, FIRST_PART_SIZE]) await sink.write(new Uint8Array(FIRST_PART_SIZE).fill(7), at);
  await expect.poll(async () => (await store.uploads()).length, { timeout: 20_000 }).toBe(1);
  await s3.createUpload({ bucket: "dumps", key: "out" });
  await sink.finish(2 * FIRST_PART_SIZE);
  expect(await store.uploads()).toHaveLength(2);
  await s3.close();
});

test("no answer says that an upload is begun, for longer than the patience: the failure names it", async () => {
  await store.fault({ method: "POST", match: "uploads", kind: "lost", times: 1000 });
  const run = startCli([file, "s3://dumps/out", "-d", "0", "--compress", "none"], {
    env: { CORESIEVE_S3_PATIENCE: "0" },
  });
  const { code, stderr } = await run.ended;
  expect(code).toBe(1);
  expect(stderr).toContain("coresieve uploads --abort s3://dumps/out");
});

test("stopped with a signal it leaves nothing", async () => {
  await store.set({ latency: 300 });
  const run = startCli([file, "s3://dumps/out", "-d", "0", "--compress", "none"]);
  while (!(await store.log()).some(({ method }) => method === "PUT")) await new Promise((r) => setTimeout(r, 20));
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(143);
  expect(await store.names()).toEqual([]);
  expect(await store.uploads()).toEqual([]);
});

test("--on-full incomplete is refused: what was sent cannot be written again", async () => {
  expectFailure(await runHere([file, "s3://dumps/out", "--on-full", "incomplete"]), 2, "cannot be left incomplete");
});
