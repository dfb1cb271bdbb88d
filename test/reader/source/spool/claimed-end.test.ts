/** A stream or packed file is read as far as its headers say that it goes: 34 KB of zstd are a GiB of zeros. */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fillBitmaps, stretchesOf } from "../../../../src/reader/attach.js";
import { sharedBitmap } from "../../../../src/reader/bitmap.js";
import type { InputOptions } from "../../../../src/reader/input-options.js";
import { openInput } from "../../../../src/reader/open-input.js";
import { MOST_UNPACKED, upToClaimedEnd } from "../../../../src/reader/source/spool/claimed-end.js";
import { spoolInput } from "../../../../src/reader/source/spool/spool-input.js";
import { checkZeros } from "../../../../src/reader/source/spool/spool-stream.js";
import { Warnings } from "../../../../src/warnings.js";
import { buildElf } from "../../../support/elf-image.js";
import { temporaryFolder } from "../../../support/filter.js";
import { buildKdump } from "../../../support/kdump-image.js";
import { vmcoreinfoNote } from "../../../support/notes.js";
import { failureOf, failureOfAsync } from "../../../support/open.js";
import { packers } from "../../../support/packed.js";
import { buildLime } from "../../../support/raw-image.js";

const folder = temporaryFolder();
const MiB = 2 ** 20;
const memory = (fill: number) => new Uint8Array(3 * MiB).fill(fill);
const pages = Array.from(
  { length: 64 },
  (_, pfn) => [pfn, { codec: "raw", data: memory(pfn + 1).subarray(0, 4096) }] as const,
);
const dumps: Readonly<Record<string, Uint8Array>> = {
  ELF: buildElf({
    notes: [vmcoreinfoNote("PAGESIZE=4096\n")],
    loads: [1, 2].map((i) => ({ paddr: i * 16 * MiB, data: memory(i) })),
  }),
  kdump: buildKdump({ pages: new Map(pages) }),
  LiME: buildLime([1, 2].map((i) => ({ start: i * 16 * MiB, data: memory(i) }))),
};

/** A dump, then zeros; who asks for too many of them gets an error. */
async function* endless(dump: Uint8Array, step: number) {
  for (let at = 0; at < dump.length; at += step) yield dump.subarray(at, at + step);
  for (let i = 0; i < 64; i++) yield new Uint8Array(MiB);
  throw new Error("reads on and on");
}

const options: InputOptions = { spool: { dir: folder } };

test.each(Object.keys(dumps))("%s out of a stream of zeros without end", async (format) => {
  const dump = dumps[format] as Uint8Array;
  for (const step of [MiB, 100_003, 65_536]) {
    const warnings = new Warnings();
    const { file } = await spoolInput({ name: "stream", chunks: endless(dump, step) }, warnings, options);
    expect(file.size).toBeGreaterThanOrEqual(dump.length);
    expect(file.size).toBeLessThan(dump.length + 3 * MiB);
    expect(warnings.list).toMatchObject([{ code: "MORE_BYTES", count: 1 }]);
  }
});

test.each(Object.keys(dumps))(
  "%s with --salvage, as verify opens it: a GiB is read behind its end, and no more",
  async (format) => {
    const dump = dumps[format] as Uint8Array;
    const zeros = new Uint8Array(16 * MiB);
    let read = 0;
    let end: number | undefined;
    async function* bomb() {
      yield dump;
      for (let i = 0; i < 1000; i++) yield zeros;
    }
    const more = (at: number) => {
      end = at;
    };
    for await (const { length } of upToClaimedEnd(bomb(), "stream", true, more)) read += length;
    expect(read).toBeLessThanOrEqual(2 ** 30 + dump.length + MiB);
    expect(end).toBeGreaterThanOrEqual(dump.length - MiB);
  },
);

const packings = ["gzip", "zstd", "lz4"] as const;

/** Opens a dump that was packed with 32 MiB of zeros behind it; returns what was read of it. */
async function openBomb(format: string, packing: string, warnings: Warnings) {
  const dump = dumps[format] as Uint8Array;
  const path = join(folder, `${format}.${packing}`);
  writeFileSync(
    path,
    (packers[packing] as (data: Uint8Array) => Buffer)(Buffer.concat([dump, Buffer.alloc(32 * MiB)])),
  );
  let read = 0;
  const onSpool: InputOptions["onSpool"] = (_, progress) => {
    read = progress.read;
  };
  try {
    return await openInput(path, warnings, { ...options, onSpool });
  } finally {
    expect(read).toBeGreaterThanOrEqual(dump.length);
    expect(read).toBeLessThan(dump.length + 3 * MiB);
  }
}

test.each(["ELF", "kdump"])("%s, packed with zeros behind it, is what it is without them", async (format) => {
  for (const packing of packings) {
    const warnings = new Warnings();
    const opened = await openBomb(format, packing, warnings);
    const stretches = stretchesOf(opened.image);
    const [exists, data] = [sharedBitmap(stretches), sharedBitmap(stretches)];
    fillBitmaps(opened.image, { exists, data });
    opened.close();
    expect(data.bytes.some((byte) => byte !== 0)).toBe(true);
    expect(warnings.list.map(({ code }) => code)).toContain("MORE_BYTES");
  }
});

test("LiME, packed with zeros behind it, is CORRUPT as a plain file is, without reading on", async () => {
  for (const packing of packings) {
    const error = await failureOfAsync(() => openBomb("LiME", packing, new Warnings()));
    expect(error).toMatchObject({ code: "CORRUPT", offset: dumps["LiME"]?.length });
  }
});

test.each(Object.keys(dumps))("%s with padding behind it, or alone: nothing is said", async (format) => {
  const dump = dumps[format] as Uint8Array;
  for (const padding of [0, 512, MiB]) {
    const warnings = new Warnings();
    const chunks = (async function* () {
      yield dump;
      yield new Uint8Array(padding);
    })();
    const { file } = await spoolInput({ name: "stream", chunks }, warnings, options);
    expect([file.size, warnings.list]).toEqual([dump.length + padding, []]);
  }
});

test("streams that do not say how long they are have a limit of their own, whatever takes no room", async () => {
  // As if zeros were that many: what is in the pieces is not looked at.
  async function* zeros() {
    // No header that is known: the first piece is looked at.
    yield new Uint8Array(1 << 20);
    for (let i = 0; i < 100; i++) yield { length: 2 ** 40 } as Uint8Array;
  }
  let read = 0;
  const error = await failureOfAsync(async () => {
    for await (const { length } of upToClaimedEnd(zeros(), "stream", true, () => undefined)) read += length;
  });
  expect(error).toMatchObject({ code: "LIMIT", file: "stream" });
  expect(read).toBe(MOST_UNPACKED - 2 ** 40 + (1 << 20));
});

test.skipIf(process.platform === "win32")(
  "the program that writes to a pipe is not waited for (skipped on Windows)",
  async () => {
    const fifo = join(folder, "fifo");
    expect(spawnSync("mkfifo", [fifo]).status).toBe(0);
    const vmcore = join(folder, "vmcore");
    writeFileSync(vmcore, dumps["ELF"] as Uint8Array);
    const writer = spawn("/bin/sh", ["-c", 'cat "$1" /dev/zero > "$2"', "sh", vmcore, fifo], { stdio: "ignore" });
    const ended = new Promise((resolve) => writer.on("close", resolve));
    const warnings = new Warnings();
    (await openInput(fifo, warnings, options)).close();
    expect(warnings.list.map(({ code }) => code)).toEqual(["MORE_BYTES"]);
    // Nobody reads any more: it is told so by the system.
    await ended;
  },
);

test("a packed file of which one piece is gigabytes of zeros hears that the run is stopped", async () => {
  const elf = Buffer.from(
    buildElf({ loads: [{ paddr: 0, data: new Uint8Array(4096), memsz: 2 ** 42, filesz: 2 ** 42 }] }),
  );
  const zeros = Buffer.alloc(64 * MiB);
  for (const [name, pack] of Object.entries(packers)) {
    const path = join(folder, `zeros.${name}`);
    writeFileSync(path, Buffer.concat([pack(elf), ...Array(32).fill(pack(zeros))]));
    const stop = new AbortController();
    let most = 0;
    const error = await failureOfAsync(() =>
      openInput(path, new Warnings(), {
        ...{ ...options, signal: stop.signal },
        onSpool(_, { read }) {
          if (most === 0) setImmediate(() => stop.abort());
          most = read;
        },
      }),
    );
    expect(error.code, name).toBe("ABORTED");
    expect(most, name).toBeLessThan(512 * MiB);
  }
});

test("a stream of zeros and hardly anything else is refused, whatever its headers claim", () => {
  const [GiB, TiB] = [2 ** 30, 2 ** 40];
  expect(failureOf(() => checkZeros(257 * GiB, 594, "bomb"))).toMatchObject({ code: "LIMIT", file: "bomb" });
  expect(failureOf(() => checkZeros(40 * TiB, 16 * MiB, "bomb")).message).toMatch(
    /its first 40 TiB are zeros but for 16 MiB/,
  );
  // A machine of 64 TiB of which only the kernel and struct pages are used, packed by the most that LZ4 can do.
  checkZeros(64 * TiB, TiB / 255, "idle");
  checkZeros(256 * GiB, 0, "begins late");
});
