/** Dumps read from an object store: the same result as from a file, fewer bytes than the object has, and every fault named. */
import { createWriteStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { openInput } from "../../src/reader/open-input.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { LINE } from "../../src/store/block-cache.js";
import { Warnings } from "../../src/warnings.js";
import { setEnvironment } from "../support/environment.js";
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
beforeEach(() => store.clear());

async function filterObject(path: string, output: string, level = 31) {
  const dump = await openInput(path, new Warnings());
  try {
    const codec = codecOf("lzo", undefined);
    return await filterDump(dump, { output: { path: output, force: true }, level, format: "kdump", codec, workers: 2 });
  } finally {
    dump.close();
  }
}

test("an ELF dump gives the same file, and dropped pages are not fetched", async () => {
  await store.put("dumps/vmcore", readFileSync(file));
  const expected = join(folder, "expected");
  const result = await filterFile(file, expected, { codec: "lzo" });
  const found = await filterObject("s3://dumps/vmcore", join(folder, "found"));
  expect(readFileSync(join(folder, "found")).equals(readFileSync(expected))).toBe(true);
  const { fetched, ...same } = found;
  expect(same).toEqual(result);
  const log = await store.log();
  const sent = log.reduce((sum, { sent = 0 }) => sum + sent, 0);
  expect(fetched).toEqual({
    bytes: sent,
    of: found.inputBytes,
    requests: log.filter(({ method }) => method === "GET").length,
  });
  const dropped = Object.entries(found.classes).reduce(
    (sum, [name, n]) => (["kept", "zero"].includes(name) ? sum : sum + n),
    0,
  );
  expect(sent).toBeLessThan(found.inputBytes - 0.5 * dropped * found.pageSize);
});

test("kdump and flattened objects are read, too, and several of a split set", async () => {
  const kdump = join(folder, "level1.kdump");
  await filterFile(file, kdump, { level: 1, codec: "lzo" });
  await store.put("dumps/level1.kdump", readFileSync(kdump));
  await filterFile(kdump, join(folder, "expected"), { codec: "lzo" });
  await filterObject("s3://dumps/level1.kdump", join(folder, "found"));
  expect(readFileSync(join(folder, "found")).equals(readFileSync(join(folder, "expected")))).toBe(true);
  const flat = createWriteStream(join(folder, "flat"));
  await filterFile(file, { stream: flat }, { level: 1 });
  await new Promise<void>((resolve) => flat.end(resolve));
  await store.put("dumps/flat", readFileSync(join(folder, "flat")));
  await filterObject("s3://dumps/flat", join(folder, "found"));
  expect(readFileSync(join(folder, "found")).equals(readFileSync(join(folder, "expected")))).toBe(true);
  const parts = ["a", "b"].map((name) => join(folder, name));
  await filterFile(file, { paths: parts, force: true }, { level: 1 });
  for (const name of ["a", "b"]) await store.put(`dumps/${name}`, readFileSync(join(folder, name)));
  const dump = await openInput(["s3://dumps/a", "s3://dumps/b"], new Warnings());
  const local = openDump(parts);
  expect(dump.ranges).toEqual(local.ranges);
  for (const paddr of [0x1000, 0x100_0000]) {
    const [found, wanted] = [new Uint8Array(64), new Uint8Array(64)];
    expect(dump.memory.read(found, paddr)).toBe(local.memory.read(wanted, paddr));
    expect(found).toEqual(wanted);
  }
  dump.close();
  local.close();
});

test("a packed object is unpacked on its way", async () => {
  const { gzipSync } = await import("node:zlib");
  await store.put("dumps/vmcore.gz", gzipSync(readFileSync(file), { level: 1 }));
  const dump = await openInput("s3://dumps/vmcore.gz", new Warnings());
  expect(dump.header.description).toContain("packed with gzip");
  expect(dump.fileSize).toBe(readFileSync(file).length);
  dump.close();
});

test("reads at any place, in any size, give the object's bytes", async () => {
  const bytes = readFileSync(file).subarray(0, 5 * LINE + 17);
  await store.put("dumps/bytes", bytes);
  const { openObject } = await import("../../src/store/open-object.js");
  const { remoteSource } = await import("../../src/store/remote-source.js");
  const { handleOf } = await import("../../src/store/remote-object.js");
  const remote = await openObject("s3://dumps/bytes");
  const source = remoteSource(remote);
  for (const [offset, length] of [
    [0, 1],
    [LINE - 1, 2],
    [3 * LINE - 5, LINE + 10],
    [5 * LINE, 100],
    [5 * LINE + 17, 10],
    [0, bytes.length + 5],
  ] as const) {
    const into = new Uint8Array(length);
    const n = source.read(into, offset);
    expect(n).toBe(Math.max(0, Math.min(length, bytes.length - offset)));
    expect(Buffer.from(into.subarray(0, n)).equals(bytes.subarray(offset, offset + n))).toBe(true);
  }
  handleOf(remote)?.close();
});

test("busy stores, cut connections and bodies that end in the middle are asked again", async () => {
  await store.put("dumps/vmcore", readFileSync(file));
  await filterFile(file, join(folder, "expected"), { codec: "lzo" });
  await store.fault({ method: "HEAD", kind: "status", status: 503, code: "SlowDown" });
  await store.fault({ method: "GET", kind: "status", status: 503, code: "SlowDown", times: 3, skip: 1 });
  await store.fault({ method: "GET", kind: "cut", times: 3, skip: 2 });
  await store.fault({ method: "GET", kind: "reset", times: 2, skip: 3 });
  const { fetched } = await filterObject("s3://dumps/vmcore", join(folder, "found"));
  expect(readFileSync(join(folder, "found")).equals(readFileSync(join(folder, "expected")))).toBe(true);
  const log = await store.log();
  expect(log.filter(({ status }) => status === 503)).toHaveLength(4);
  expect(fetched?.requests).toBe(log.filter(({ method }) => method === "GET").length);
});

test.each([
  ["", true],
  [", also by a store that does not look at If-Match", false],
] as const)("an object that is replaced midway is INPUT_CHANGED, and no output is left%s", async (_, conditions) => {
  await store.set({ conditions });
  await store.put("dumps/vmcore", readFileSync(file));
  await store.fault({ method: "GET", kind: "replace", skip: 8 });
  await expect(filterObject("s3://dumps/vmcore", join(folder, "none"))).rejects.toMatchObject({
    code: "INPUT_CHANGED",
    file: "s3://dumps/vmcore",
  });
  await store.set({ conditions: true });
  expect(() => readFileSync(join(folder, "none"))).toThrow("ENOENT");
});

test.each([
  ["NoSuchKey", 404, "there is no such object"],
  ["AccessDenied", 403, "access denied"],
  ["InvalidAccessKeyId", 403, "access denied"],
])("%s is said in words, without credentials", async (code, status, says) => {
  await store.put("dumps/vmcore", readFileSync(file));
  await store.fault({ method: "HEAD", kind: "status", status, code, times: 2 });
  const error = await openInput("s3://dumps/vmcore", new Warnings()).catch((e: unknown) => e as Error);
  expect(error).toMatchObject({ code: "NOT_READABLE", file: "s3://dumps/vmcore" });
  expect((error as Error).message).toContain(says);
  expect((error as Error).message).not.toContain("no-secret-at-all");
});

test("a store that is not there is told at once, an empty object and a folder, too", async () => {
  await store.put("dumps/empty", new Uint8Array());
  await expect(openInput("s3://dumps/empty", new Warnings())).rejects.toMatchObject({ code: "NOT_READABLE" });
  await expect(openInput("s3://dumps/none", new Warnings())).rejects.toMatchObject({ code: "NOT_READABLE" });
  await expect(openInput("s3://dumps", new Warnings())).rejects.toMatchObject({ code: "BAD_OPTION" });
  expect(() => openDump("s3://dumps/vmcore")).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  const endpoint = process.env["AWS_ENDPOINT_URL"];
  setEnvironment({ AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
  try {
    await expect(openInput("s3://dumps/vmcore", new Warnings())).rejects.toThrow("connection refused");
  } finally {
    setEnvironment({ AWS_ENDPOINT_URL: endpoint });
  }
});

test("pages that lie across lines of the cache are fetched once, where the plan's pieces meet, too", async () => {
  const { openObject } = await import("../../src/store/open-object.js");
  const { remoteSource } = await import("../../src/store/remote-source.js");
  const { handleOf } = await import("../../src/store/remote-object.js");
  const bytes = Buffer.alloc(22 * 2 ** 20, "pages of an ELF core begin behind its headers; ");
  await store.put("dumps/bytes", bytes);
  const remote = await openObject("s3://dumps/bytes");
  const first = 7024;
  handleOf(remote)?.follow(Float64Array.of(first, bytes.length), true);
  const source = remoteSource(remote);
  const page = new Uint8Array(4096);
  for (let at = first; at + page.length <= bytes.length; at += page.length) {
    source.read(page, at);
    expect(bytes.compare(page, 0, page.length, at, at + page.length)).toBe(0);
  }
  const fetched = handleOf(remote)?.fetched();
  // The first read may come before the plan.
  expect(fetched?.requests).toBeLessThanOrEqual(1 + Math.ceil(bytes.length / (4 * 2 ** 20)));
  expect(fetched?.bytes).toBeLessThanOrEqual(bytes.length + LINE);
  handleOf(remote)?.close();
});
