/** Streams that callers hand over: read as a path is, and closed or destroyed whatever comes. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { setImmediate, setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { filesOfDump } from "../../../src/manifest/digest.js";
import { openDump } from "../../../src/reader/open.js";
import { openInput } from "../../../src/reader/open-input.js";
import { Warnings } from "../../../src/warnings.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildKdump } from "../../support/kdump-image.js";
import { failureOfAsync, pageOf } from "../../support/open.js";

const folder = temporaryFolder();
const spool = { dir: folder };
const kdump = Buffer.from(
  buildKdump({
    pages: new Map(
      Array.from({ length: 64 }, (_, pfn) => [
        pfn,
        { codec: "raw" as const, data: new Uint8Array(4096).fill(pfn + 1) },
      ]),
    ),
  }),
);

function* pieces(bytes: Uint8Array, size = 10_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function expectWhole(input: Parameters<typeof openInput>[0]) {
  const warnings = new Warnings();
  const dump = await openInput(input, warnings, { spool });
  try {
    expect(warnings.list).toEqual([]);
    expect([0, 5, 63].map((pfn) => pageOf(dump, pfn)[17])).toEqual([1, 6, 64]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".spool"))).toEqual([]);
    return dump.paths;
  } finally {
    dump.close();
  }
}

/** Until the stream has told everybody that it is over. */
async function closed(stream: Readable) {
  while (!stream.closed) await setImmediate();
}

test("a Readable, of small pieces, slow, packed, and with a name", async () => {
  const plain = Readable.from(pieces(kdump));
  expect(await expectWhole(plain)).toEqual(["the stream"]);
  await closed(plain);
  async function* slowly() {
    for (const piece of pieces(kdump, 60_000)) {
      await setTimeout(5);
      yield piece;
    }
  }
  expect(await expectWhole({ stream: Readable.from(slowly()), name: "upload 7" })).toEqual(["upload 7"]);
  expect(await expectWhole([Readable.from(pieces(gzipSync(kdump)))])).toEqual(["the stream"]);
  const pipe = new PassThrough();
  const opened = expectWhole(pipe);
  for (const piece of pieces(kdump)) pipe.write(piece);
  pipe.end();
  await opened;
});

test("a web stream: of node:stream/web, and of a Response", async () => {
  await expectWhole(Readable.toWeb(Readable.from(pieces(kdump))) as ReadableStream<Uint8Array>);
  await expectWhole({ stream: new Blob([kdump]).stream(), name: "blob" });
  const { body } = new Response(gzipSync(kdump));
  await expectWhole(body as NonNullable<typeof body>);
  // A FileHandle's, which gives ArrayBuffers in Node 20.
  const buffers = Array.from(pieces(kdump), (piece) => Uint8Array.from(piece).buffer);
  await expectWhole(Readable.toWeb(Readable.from(buffers)) as ReadableStream<Uint8Array>);
});

test("its digest is taken on the way, and a stream and a file are not mixed up", async () => {
  const dump = await openInput(Readable.from(pieces(kdump)), new Warnings(), { spool, digest: true });
  const [file] = await filesOfDump(dump, true);
  dump.close();
  writeFileSync(join(folder, "file"), kdump);
  const other = openDump(join(folder, "file"));
  const [same] = await filesOfDump(other, true);
  other.close();
  expect(file).toEqual({ path: "the stream", bytes: kdump.length, sha256: same?.sha256, covers: "unpacked" });
});

test("one that fails: its error is the cause, and it is destroyed", async () => {
  const boom = new Error("boom");
  async function* failing() {
    yield kdump.subarray(0, 50_000);
    throw boom;
  }
  const stream = Readable.from(failing());
  const error = await failureOfAsync(() => openInput(stream, new Warnings(), { spool }));
  expect(error).toMatchObject({ code: "NOT_READABLE", file: "the stream", what: "cannot be read: Error: boom" });
  expect(error.cause).toBe(boom);
  expect(stream.destroyed).toBe(true);
  const web = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(boom) });
  expect((await failureOfAsync(() => openInput(web, new Warnings(), { spool }))).cause).toBe(boom);
});

test("one that is destroyed while it is read, or was before", async () => {
  for (const before of [true, false]) {
    const stream = new PassThrough();
    if (before) stream.destroy();
    else stream.write(kdump.subarray(0, 50_000));
    const failed = failureOfAsync(() => openInput(stream, new Warnings(), { spool }));
    if (!before) {
      while (stream.readableLength > 0) await setImmediate();
      stream.destroy();
    }
    expect(await failed).toMatchObject({ code: "NOT_READABLE", what: "cannot be read: it was closed before its end" });
  }
});

test("one that fails before the first byte is asked for: an error of the run, and nothing that nobody catches", async () => {
  const stream = new PassThrough();
  const failed = failureOfAsync(() => openInput(stream, new Warnings(), { spool }));
  const boom = new Error("boom");
  stream.destroy(boom);
  expect(await failed).toMatchObject({ code: "NOT_READABLE", cause: boom });
});

test("one that fails with what cannot be put into words", async () => {
  const odd = Readable.from(
    (async function* () {
      yield kdump.subarray(0, 5000);
      throw Object.create(null);
    })(),
  );
  expect(await failureOfAsync(() => openInput(odd, new Warnings(), { spool }))).toMatchObject({
    ...{ code: "NOT_READABLE", what: "cannot be read: a value of type object" },
  });
});

test("salvage: what came before it was destroyed counts", async () => {
  const stream = new PassThrough();
  stream.write(kdump.subarray(0, kdump.length - 3 * 4096));
  const warnings = new Warnings();
  const opened = openInput(stream, warnings, { spool, salvage: true });
  while (stream.readableLength > 0) await setImmediate();
  stream.destroy();
  const dump = await opened;
  expect(pageOf(dump, 5)[17]).toBe(6);
  expect(warnings.list.map(({ code }) => code)).toContain("CUT_OFF");
  dump.close();
});

test("one that was read from before, is locked, or gives no bytes", async () => {
  const begun = Readable.from(pieces(kdump));
  await begun[Symbol.asyncIterator]().next();
  const locked = new Blob([kdump]).stream();
  locked.getReader();
  for (const stream of [begun, locked]) {
    const error = await failureOfAsync(() => openInput(stream, new Warnings(), { spool }));
    expect(error).toMatchObject({ code: "BAD_OPTION", what: "was read from before, or is being read" });
  }
  const texts = Readable.from(["KDUMP   ", "text"]);
  expect(await failureOfAsync(() => openInput(texts, new Warnings(), { spool }))).toMatchObject({
    ...{ code: "BAD_OPTION", what: "gives text, not bytes" },
  });
  expect(texts.destroyed).toBe(true);
  expect(await failureOfAsync(() => openInput(Readable.from([]), new Warnings(), { spool }))).toMatchObject({
    ...{ code: "NOT_READABLE", what: "is empty" },
  });
  for (const wrong of [5, null, {}, { stream: 5 }, { stream: Readable.from([]), nam: "x" }, [], [5]]) {
    expect(await failureOfAsync(() => openInput(wrong as never))).toMatchObject({ code: "BAD_OPTION" });
  }
});

test("where opening ends before its end it is destroyed, a web stream cancelled, and others are let go of", async () => {
  const forever = () =>
    Readable.from(
      (async function* () {
        for (;;) yield Buffer.alloc(1 << 16, "no dump at all ");
      })(),
    );
  const [noDump, other] = [forever(), forever()];
  const error = await failureOfAsync(() => openInput([noDump, other], new Warnings(), { spool }));
  expect(error).toMatchObject({ code: "NOT_A_DUMP", file: "the stream" });
  expect([noDump.destroyed, other.destroyed]).toEqual([true, true]);
  let cancelled = false;
  const web = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.alloc(1 << 16, "no dump at all ")),
    cancel: () => {
      cancelled = true;
    },
  });
  expect(await failureOfAsync(() => openInput(web, new Warnings(), { spool }))).toMatchObject({ code: "NOT_A_DUMP" });
  expect(cancelled).toBe(true);
});

test("a limit of the temporary file, and a stop while nothing comes", async () => {
  const noise = Buffer.concat([
    kdump.subarray(0, 50_000),
    Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * i * 31) >> 3)),
  ]);
  const full = Readable.from(pieces(noise));
  const limited = { spool: { dir: folder, limit: 4096 } };
  expect(await failureOfAsync(() => openInput(full, new Warnings(), limited))).toMatchObject({ code: "NO_SPACE" });
  expect(full.destroyed).toBe(true);
  let cancelled: unknown;
  const silent = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(kdump.subarray(0, 50_000)),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  // Such a stream does not end when it is destroyed: its generator waits.
  const stuck = Readable.from(
    (async function* () {
      yield kdump.subarray(0, 50_000);
      await new Promise(() => {});
    })(),
  );
  for (const stream of [new PassThrough(), silent, stuck]) {
    const controller = new AbortController();
    const failed = failureOfAsync(() => openInput(stream, new Warnings(), { spool, signal: controller.signal }));
    await setTimeout(20);
    controller.abort();
    expect(await failed).toMatchObject({ code: "ABORTED" });
    if (stream instanceof Readable) expect(stream.destroyed).toBe(true);
  }
  expect(cancelled).toMatchObject({ code: "ABORTED" });
  expect(readdirSync(folder)).toEqual(expect.not.arrayContaining([expect.stringContaining("spool")]));
});

test("one that is silent behind damage is let go of at once", async () => {
  // A block of a type that there is not.
  const damaged = Buffer.concat([gzipSync(kdump).subarray(0, 10), Buffer.alloc(200, 0xff)]);
  let cancelled = false;
  const silent = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(damaged),
    cancel: () => {
      cancelled = true;
    },
  });
  const pipe = new PassThrough();
  pipe.write(damaged);
  for (const stream of [pipe, silent]) {
    expect(await failureOfAsync(() => openInput(stream, new Warnings(), { spool }))).toMatchObject({ code: "CORRUPT" });
  }
  expect([pipe.destroyed, cancelled]).toEqual([true, true]);
});

test("a stop, or a failure, within a file of an archive is not that file's", async () => {
  const head = Buffer.alloc(512);
  head.write("vmcore", 0);
  head.write("0000600\x000000000\x000000000\x00", 100, "latin1");
  head.write("00010000000\x0000000000000\x00        0", 124, "latin1");
  head.write("ustar\x0000", 257, "latin1");
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148, "latin1");
  const stopped = new PassThrough();
  stopped.write(head);
  const controller = new AbortController();
  const failed = failureOfAsync(() => openInput(stopped, new Warnings(), { spool, signal: controller.signal }));
  while (stopped.readableLength > 0) await setImmediate();
  controller.abort();
  expect(await failed).toMatchObject({ code: "ABORTED" });
  const boom = new Error("boom");
  const broken = new PassThrough();
  broken.write(head);
  const lost = failureOfAsync(() => openInput(broken, new Warnings(), { spool }));
  while (broken.readableLength > 0) await setImmediate();
  broken.destroy(boom);
  expect(await lost).toMatchObject({ code: "NOT_READABLE", cause: boom });
});
