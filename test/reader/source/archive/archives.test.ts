/** Dumps in archives and packings as their own tools write them (test/fixtures/packed), whole, cut off and hostile. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { DumpError } from "../../../../src/errors.js";
import { isElf } from "../../../../src/reader/elf/header.js";
import type { InputOptions } from "../../../../src/reader/input-options.js";
import { openInput } from "../../../../src/reader/open-input.js";
import { ARCHIVES } from "../../../../src/reader/source/archive/archives.js";
import { cureWithoutDump } from "../../../../src/reader/source/archive/find-member.js";
import { type UnpackOptions, unpackStream } from "../../../../src/reader/source/packed/unpack.js";
import { Warnings } from "../../../../src/warnings.js";
import { archivedDump } from "../../../support/archived-dump.js";
import { patternBytes } from "../../../support/bytes.js";
import { temporaryFolder } from "../../../support/filter.js";
import { failureOfAsync } from "../../../support/open.js";
import { buildLime } from "../../../support/raw-image.js";

const folder = temporaryFolder();
const dump = archivedDump();
const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/packed/${name}`, import.meta.url)));

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function unpack(bytes: Uint8Array, size = 65536, options: Partial<UnpackOptions> = {}) {
  const { packing, chunks } = await unpackStream(inPieces(bytes, size), "input", {
    salvage: false,
    wanted: { noun: "a dump", is: isElf, archives: ARCHIVES, cure: cureWithoutDump },
    ...options,
  });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(Buffer.from(chunk));
    length += chunk.length;
    // A damaged sparse member may say that it has petabytes of zeros.
    if (length > 2 ** 22) break;
  }
  return { packing, bytes: Buffer.concat(parts) };
}

const LONG = `crash/${"n".repeat(120)}/vmcore`;

describe.each([
  ["vmcore.xz", "packed with xz"],
  ["vmcore.bz2", "packed with bzip2"],
  ["ustar.tar.gz", "crash/vmcore in a tar archive, packed with gzip"],
  ["gnu.tar.gz", "crash/vmcore in a tar archive, packed with gzip"],
  ["pax.tar.gz", "crash/vmcore in a tar archive, packed with gzip"],
  ["v7.tar.gz", "crash/vmcore in a tar archive, packed with gzip"],
  ["sparse-gnu.tar", "crash/vmcore in a tar archive"],
  ["sparse-pax-0.0.tar", "crash/vmcore in a tar archive"],
  ["sparse-pax-0.1.tar", "crash/vmcore in a tar archive"],
  ["sparse-pax-1.0.tar", "crash/vmcore in a tar archive"],
  ["long-gnu.tar.xz", `${LONG} in a tar archive, packed with xz`],
  ["long-pax.tar.bz2", `${LONG} in a tar archive, packed with bzip2`],
  ["file.zip", "crash/vmcore in a zip archive"],
  ["piped.zip", "crash/vmcore in a zip archive"],
  ["stored-packed.zip", "packed with bzip2, vmcore.bz2 in a zip archive"],
])("%s", (name, packing) => {
  let packed: Buffer;
  beforeAll(() => {
    packed = fixture(name);
  });

  test("comes out as it went in, in pieces of any size", async () => {
    for (const size of [13, 4096, 1 << 20]) {
      const found = await unpack(packed, size);
      expect(found.bytes.equals(dump), `pieces of ${size}`).toBe(true);
      expect(found.packing).toBe(packing);
    }
  });

  test("cut off anywhere it is a DumpError or whole, and never another dump", async () => {
    for (const part of [0.02, 0.3, 0.5, 0.7, 0.8]) {
      const failure = await failureOfAsync(() => unpack(packed.subarray(0, Math.floor(packed.length * part))));
      expect(["TRUNCATED", "NOT_A_DUMP", "CORRUPT"]).toContain(failure.code);
    }
  });

  test("with bytes changed it is a DumpError, or a dump", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(packed);
        bytes[at] = (bytes[at] as number) ^ change;
        try {
          await unpack(bytes);
        } catch (error) {
          if (!(error instanceof DumpError)) throw error;
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("openInput", () => {
  const open = async (bytes: Uint8Array, options: InputOptions = {}) => {
    const path = join(folder, "input");
    writeFileSync(path, bytes);
    try {
      const opened = await openInput(path, new Warnings(), { spool: { dir: folder }, ...options });
      opened.close();
      return opened;
    } finally {
      rmSync(path);
    }
  };

  test("a dump out of a tar, and what it says of it", async () => {
    const { header, ranges } = await open(fixture("gnu.tar.gz"));
    expect(header.description).toBe("ELF64 vmcore, little endian, crash/vmcore in a tar archive, packed with gzip");
    expect(ranges.map(({ start }) => start)).toEqual([0, 0x10_0000, 0x40_0000]);
  });

  test("LiME with compress=1: one zlib stream around it, which may lack its end", async () => {
    const image = buildLime([{ start: 0x1000, data: patternBytes("lime ", 50_000) }]);
    // LiME's window of 2 KiB: the first byte is 0x38.
    const packed = deflateSync(image, { windowBits: 11 });
    expect(packed[0]).toBe(0x38);
    expect((await open(packed)).header).toMatchObject({
      format: "lime",
      description: "LiME memory image, packed with zlib",
    });
    const cut = packed.subarray(0, packed.length - 30);
    expect(await failureOfAsync(() => open(cut))).toMatchObject({ code: "TRUNCATED" });
    expect((await open(cut, { salvage: true })).header.incomplete).toBe(true);
  });

  test("bare memory may begin as zlib does", async () => {
    const bytes = Buffer.concat([Buffer.from([0x78, 0x9c, 0x03]), patternBytes("memory", 8189)]);
    expect((await open(bytes, { raw: [{ start: 0, end: undefined }] })).ranges).toEqual([{ start: 0, end: 8192 }]);
  });
});

test.each([
  ["encrypted.zip", "NOT_A_DUMP", /is encrypted in its zip archive/],
  ["filtered.xz", "UNSUPPORTED", /a filter or checksum that coresieve does not read.*xz -dc FILE/],
])("%s is named", async (name, code, says) => {
  const failure = await failureOfAsync(() => unpack(fixture(name)));
  expect(failure).toMatchObject({ code, file: "input" });
  expect(failure.message).toMatch(says);
});

test("an archive without a dump: what it has, and of a sosreport what to do", async () => {
  const tar = (name: string, size: number) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write("0", 156);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return Buffer.concat([header, Buffer.alloc(Math.ceil(size / 512) * 512, "x")]);
  };
  const report = Buffer.concat([
    ...["a", "b", "c", "d"].map((name) => tar(`sosreport-host/${name}`, 700)),
    Buffer.alloc(1024),
  ]);
  const failure = await failureOfAsync(() => unpack(report));
  expect(failure.what).toBe(
    "is a tar archive without a dump: it has sosreport-host/a, sosreport-host/b, sosreport-host/c and 1 more",
  );
  expect(failure.cure).toMatch(/A sosreport lists dumps/);
  expect((await failureOfAsync(() => unpack(tar("empty", 0)))).cure).toMatch(/Give the archive that has the vmcore/);
});

test("xz within xz is named: one such stream at a time is all that xz-decompress has", async () => {
  expect(await failureOfAsync(() => unpack(fixture("twice.xz")))).toMatchObject({ code: "UNSUPPORTED" });
});

test("packed in each other without end is LIMIT", async () => {
  let bytes = Buffer.from(dump);
  for (let i = 0; i < 7; i++) bytes = gzipSync(bytes);
  expect(await failureOfAsync(() => unpack(bytes))).toMatchObject({ code: "LIMIT" });
});
