/** Inputs that cannot be read at any place: what is read through the temporary file is what was in the stream. */
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openDump } from "../../../../src/reader/open.js";
import { openInput } from "../../../../src/reader/open-input.js";
import { fileSource, openFile } from "../../../../src/reader/source/byte-source.js";
import { attachFile } from "../../../../src/reader/source/source-image.js";
import { createSpoolFile } from "../../../../src/reader/source/spool/spool-file.js";
import { SPOOL_CHUNK } from "../../../../src/reader/source/spool/spool-index.js";
import { spoolStream } from "../../../../src/reader/source/spool/spool-stream.js";
import { Warnings } from "../../../../src/warnings.js";
import { temporaryFolder } from "../../../support/filter.js";
import { flatten } from "../../../support/flattened-image.js";
import { buildKdump } from "../../../support/kdump-image.js";
import { failureOfAsync, pageOf } from "../../../support/open.js";
import { packers } from "../../../support/packed.js";

const folder = temporaryFolder();

/** Chunks of zeros, of text, and of bytes that do not pack, the last one not whole. */
function streamOf(kinds: readonly ("zeros" | "text" | "noise")[], tail: number): Buffer {
  const bytes = Buffer.alloc(kinds.length * SPOOL_CHUNK + tail, "page after page");
  let seed = 7;
  kinds.forEach((kind, i) => {
    const chunk = bytes.subarray(i * SPOOL_CHUNK, (i + 1) * SPOOL_CHUNK);
    if (kind === "zeros") chunk.fill(0);
    if (kind !== "noise") return;
    for (let at = 0; at < chunk.length; at++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      chunk[at] = seed >>> 24;
    }
  });
  return bytes;
}

test("any bytes of a stream can be read, and zeros take no room", async () => {
  const kinds = ["zeros", "text", "noise", "zeros", "zeros", "text", "noise", "text", "zeros"] as const;
  const stream = streamOf(kinds, 1234);
  const file = createSpoolFile({ dir: folder });
  async function* pieces() {
    for (let at = 0; at < stream.length; at += 60_001) yield stream.subarray(at, at + 60_001);
  }
  const { size, ends } = await spoolStream({ name: "a stream", chunks: pieces() }, file, undefined, (error) => {
    throw error;
  });
  expect({ size, chunks: ends.length }).toEqual({ size: stream.length, chunks: kinds.length + 1 });
  const lengths = [...ends].map((end, i) => end - (i === 0 ? 0 : (ends[i - 1] as number)));
  kinds.forEach((kind, i) => {
    if (kind === "zeros") expect(lengths[i]).toBe(0);
    else if (kind === "noise") expect(lengths[i]).toBe(SPOOL_CHUNK);
    else expect(lengths[i]).toBeLessThan(SPOOL_CHUNK / 50);
  });
  const source = attachFile({
    file: { path: "stream", fd: file.fd, size, mtimeMs: 0 },
    spool: { size, ends, packing: undefined, path: file.path },
  });
  fc.assert(
    fc.property(fc.nat(size + 10), fc.nat(300_000), (offset, length) => {
      const into = Buffer.alloc(length, 0xee);
      const n = source.read(into, offset);
      expect(n).toBe(Math.max(0, Math.min(length, size - offset)));
      expect(into.subarray(0, n).equals(stream.subarray(offset, offset + n))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

const kdump = buildKdump({
  pages: new Map(
    Array.from({ length: 64 }, (_, pfn) => [pfn, { codec: "raw", data: new Uint8Array(4096).fill(pfn + 1) }] as const),
  ),
});

test("a packed dump, flattened or not, is the dump that is in it, and its temporary file has no name", async () => {
  const plain = join(folder, "plain");
  writeFileSync(plain, kdump);
  const expected = openDump(plain);
  const spools = { dir: temporaryFolder() };
  for (const pack of Object.values(packers)) {
    for (const bytes of [kdump, flatten(kdump)]) {
      const path = join(folder, "packed");
      writeFileSync(path, pack(bytes));
      const dump = await openInput(path, new Warnings(), { spool: spools });
      expect(readdirSync(spools.dir)).toEqual([]);
      expect({ paths: dump.paths, fileSize: dump.fileSize }).toEqual({ paths: [path], fileSize: bytes.length });
      expect(dump.header.description).toMatch(/, packed with (gzip|zstd|lz4)$/);
      for (let pfn = 0; pfn < 64; pfn++) expect(pageOf(dump, pfn).equals(pageOf(expected, pfn))).toBe(true);
      dump.close();
    }
  }
  expected.close();
});

test("a stream that is cut off is TRUNCATED, and with salvage its beginning; nothing is left either way", async () => {
  const dir = temporaryFolder();
  const path = join(folder, "cut");
  const packed = gzipSync(kdump);
  writeFileSync(path, packed.subarray(0, packed.length - 100));
  const error = await failureOfAsync(() => openInput(path, new Warnings(), { spool: { dir } }));
  expect(error).toMatchObject({ code: "TRUNCATED", file: path });
  const warnings = new Warnings();
  const dump = await openInput(path, warnings, { spool: { dir }, salvage: true });
  expect(dump.header.incomplete).toBe(true);
  expect(pageOf(dump, 1)[0]).toBe(2);
  dump.close();
  expect(warnings.list.map(({ code }) => code)).toContain("MISSING_PAGES");
  expect(readdirSync(dir)).toEqual([]);
});

test("more than the limit is NO_SPACE, a folder that is not there NOT_WRITABLE, and nothing is left", async () => {
  const dir = temporaryFolder();
  const path = join(folder, "large");
  // Its head is a dump's: others are refused before anything is stored.
  writeFileSync(path, gzipSync(Buffer.concat([kdump.subarray(0, 4096), streamOf(["noise", "noise", "noise"], 0)])));
  const full = await failureOfAsync(() => openInput(path, new Warnings(), { spool: { dir, limit: 300_000 } }));
  expect(full).toMatchObject({ code: "NO_SPACE", file: dir, cure: expect.stringContaining("`spool.limit`") });
  expect(readdirSync(dir)).toEqual([]);
  const nowhere = { dir: join(dir, "not there") };
  expect(await failureOfAsync(() => openInput(path, new Warnings(), { spool: nowhere }))).toMatchObject({
    code: "NOT_WRITABLE",
  });
  // What is inside is no dump: told by its name, and before it is stored.
  writeFileSync(path, gzipSync(streamOf(["noise", "noise", "noise"], 0)));
  const other = await failureOfAsync(() => openInput(path, new Warnings(), { spool: { dir, limit: 300_000 } }));
  expect(other).toMatchObject({ code: "NOT_A_DUMP", file: path });
});

test.runIf(process.platform !== "win32")(
  "a FIFO that nobody opens for writing is waited for until the caller aborts",
  async () => {
    const path = join(folder, "fifo");
    spawnSync("mkfifo", [path]);
    const stop = new AbortController();
    const opening = () => openInput(path, new Warnings(), { signal: stop.signal });
    let isOver = false;
    const first = failureOfAsync(opening).finally(() => {
      isOver = true;
    });
    // Turns of the event loop, and not time, is what it would end in.
    for (let turn = 0; turn < 1000; turn++) await setImmediate();
    expect(isOver).toBe(false);
    stop.abort();
    expect(await first).toMatchObject({ code: "ABORTED", file: path });
    expect(await failureOfAsync(opening)).toMatchObject({ code: "ABORTED", file: path });
  },
);

test("a file that can be read at any place is not spooled", async () => {
  const path = join(folder, "plain");
  writeFileSync(path, kdump);
  const dump = await openInput(path, new Warnings(), { spool: { dir: "/nonexistent" } });
  expect(dump.image).toMatchObject({ kind: "kdump", parts: [{ source: { file: { path } } }] });
  dump.close();
  const file = openFile(path);
  expect(fileSource(file).size).toBe(kdump.length);
});
