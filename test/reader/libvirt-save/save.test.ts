/** libvirt's save files: a header and XML before QEMU's migration stream, which may be packed. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { openInput } from "../../../src/reader/open-input.js";
import type { OpenOptions } from "../../../src/reader/open-sources.js";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildMigration, type StreamOptions } from "../../support/migration-stream.js";
import { failureOf, failureOfAsync } from "../../support/open.js";
import { packers } from "../../support/packed.js";
import { buildSave } from "../../support/save-file.js";

const folder = temporaryFolder();
const path = join(folder, "guest.save");
const PAGE = 4096;
const page = noiseBytes(3, PAGE);

const stream = (more: Partial<StreamOptions> = {}) =>
  buildMigration({ blocks: [{ name: "pc.ram", length: 64 * PAGE }], parts: [[{ page: 9, data: page }]], ...more });

const START = 92 + 70_000;
const save = buildSave;

async function opened(bytes: Uint8Array, options: OpenOptions = {}) {
  writeFileSync(path, bytes);
  const warnings = new Warnings();
  const dump = await openInput(path, warnings, options);
  const into = Buffer.alloc(PAGE);
  dump.memory.read(into, 9 * PAGE);
  dump.close();
  expect(into.equals(page)).toBe(true);
  return { description: dump.header.description, codes: warnings.list.map(({ code }) => code) };
}

test("as it is, in either byte order of its host, and with room before the stream", async () => {
  const plain = await opened(save(stream()));
  expect(plain).toEqual({ description: "libvirt save file, QEMU migration stream of pc-q35-7.2", codes: [] });
  await opened(save(stream(), { order: "big" }));
  await opened(save(stream(), { version: 1, format: 7 }));
  await opened(save(Buffer.concat([Buffer.alloc(5000), stream()]), { format: 6 }));
});

test("sparse: QEMU's offsets count from the beginning of the file", async () => {
  const stored = new Map([["pc.ram", new Map([[9, page]])]]);
  const inner = stream({ capabilities: ["mapped-ram"], stored, parts: [[]], before: START });
  await opened(Buffer.concat([save(new Uint8Array(0), { format: 6 }), inner.subarray(START)]));
});

const external = (program: string) => execFileSync(program, ["-c"], { input: stream() });

test("what is packed is unpacked, from a file and from a pipe", async () => {
  for (const [format, name, body] of [
    [1, "gzip", gzipSync(stream())],
    [2, "bzip2", external("bzip2")],
    [3, "xz", external("xz")],
    [5, "zstd", (packers["zstd"] as (data: Uint8Array) => Buffer)(stream())],
  ] as const) {
    const bytes = save(body, { format });
    const { description, codes } = await opened(bytes);
    expect(description).toBe(`QEMU migration stream of pc-q35-7.2, packed with ${name}`);
    expect(codes).toEqual([]);
    expect(failureOf(() => openDump(path))).toMatchObject({ code: "UNSUPPORTED" });
    const fifo = join(folder, `fifo${format}`);
    execFileSync("mkfifo", [fifo]);
    const dump = await Promise.all([openInput(fifo), writeTo(fifo, bytes)]).then(([first]) => first);
    expect(dump.header.cpus).toBe(0);
    expect(dump.ranges).toEqual([{ start: 0, end: 64 * PAGE }]);
    dump.close();
  }
});

test("what is packed in a file that is packed itself, or in an archive, is unpacked, too", async () => {
  const inner = save(gzipSync(stream()), { format: 1 });
  writeFileSync(join(folder, "guest.save"), inner);
  const tar = execFileSync("tar", ["c", "-C", folder, "guest.save"]);
  for (const [bytes, packing] of [
    [gzipSync(inner), "packed with gzip, packed with gzip"],
    [tar, "packed with gzip, guest.save in a tar archive"],
    [gzipSync(tar), "packed with gzip, guest.save in a tar archive, packed with gzip"],
  ] as const) {
    const { description, codes } = await opened(bytes);
    expect([description, codes]).toEqual([`QEMU migration stream of pc-q35-7.2, ${packing}`, []]);
  }
  const lzop = await failureOfAsync(() => opened(gzipSync(save(Buffer.from("packed"), { format: 4 }))));
  expect(lzop.cure).toMatch(/^Write the save file to a FILE of its own, .*tail -c \+\d+ FILE \| lzop -dc/);
});

async function writeTo(fifo: string, bytes: Uint8Array): Promise<void> {
  const { open } = await import("node:fs/promises");
  const file = await open(fifo, "w");
  await file.writeFile(bytes);
  await file.close();
}

test("lzop: the pipe that unpacks it is named", async () => {
  const body = Buffer.from("packed");
  writeFileSync(path, save(body, { format: 4 }));
  const error = await failureOfAsync(() => openInput(path));
  expect(error).toMatchObject({ code: "UNSUPPORTED", what: "is a libvirt save file whose stream is packed with lzop" });
  const command = /`(tail -c \+\d+ "[^"]+") \| ([^|`]+)`/.exec(error.cure ?? "");
  expect(command?.[2]).toBe("lzop -dc");
  expect(execFileSync("sh", ["-c", command?.[1] as string])).toEqual(body);
});

test("a save that was never finished: an error, or with salvage what is there", async () => {
  for (const [body, format] of [
    [stream(), 0],
    [gzipSync(stream()), 1],
  ] as const) {
    const bytes = save(body, { magic: "LibvirtQemudPart", format });
    await expect(failureOfAsync(() => opened(bytes))).resolves.toMatchObject({ code: "TRUNCATED", file: path });
    expect((await opened(bytes, { salvage: true })).codes).toEqual(["CUT_OFF"]);
  }
});

test.each<readonly [string, Buffer, string, RegExp]>([
  ["a header that is cut off", save(stream()).subarray(0, 60), "TRUNCATED", /92 bytes expected, 60 are there/],
  ["a version to come", save(stream(), { version: 3 }), "UNSUPPORTED", /version 3; 1 and 2/],
  ["a form to come", save(stream(), { format: 9 }), "CORRUPT", /unknown form 9/],
  ["XML of gigabytes", save(stream(), { xmlSize: 2 ** 31 }), "CORRUPT", /2147483648 bytes of XML/],
  ["no stream", save(Buffer.alloc(3 << 20)), "NOT_A_DUMP", /without a QEMU migration stream/],
  ["nothing behind the XML", save(new Uint8Array(0)).subarray(0, 300), "NOT_A_DUMP", /without a QEMU migration stream/],
  [
    "a stream that is cut off",
    save(stream()).subarray(0, START + 4000),
    "TRUNCATED",
    /ends within the migration stream/,
  ],
])("%s", async (_, bytes, code, says) => {
  writeFileSync(path, bytes);
  const error = await failureOfAsync(() => openInput(path));
  expect(error).toMatchObject({ code, file: path });
  expect(error.message).toMatch(says);
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

describe("DIMMs: the domain's XML says where they lie", () => {
  // As libvirt 12.8 writes it.
  const dimm = (size: number, base: string, more = "") =>
    `<memory model='dimm'>\n<target>\n<size unit='KiB'>${size}</size>\n<node>0</node>\n</target>${more}\n<address type='dimm' slot='0' base='${base}'/>\n</memory>`;
  const plugged = (xml: string, block: string, main = "pc.ram") => {
    const blocks = [
      { name: block, length: 128 * PAGE },
      { name: main, length: 64 * PAGE },
    ];
    const parts = [
      [
        { page: 9, data: page, block: main },
        { page: 100, data: page, block },
      ],
    ];
    writeFileSync(path, save(buildMigration({ blocks, parts }), { xml: `<domain><devices>${xml}</devices></domain>` }));
    const warnings = new Warnings();
    const dump = openDump(path, warnings);
    const into = Buffer.alloc(PAGE);
    dump.memory.read(into, 0x1_0000_0000 + 100 * PAGE);
    dump.close();
    return { isThere: into.equals(page), ranges: dump.ranges, codes: warnings.list.map(({ code }) => code) };
  };
  const MAIN = { start: 0, end: 64 * PAGE };

  test.each([
    ["its slot", dimm(512, "0x100000000"), "memdimm0", "pc.ram"],
    [
      "one of several",
      dimm(512, "0x180000000", "<alias name='dimm3'/>") + dimm(512, "0x100000000"),
      "memdimm0",
      "ram-node0",
    ],
    ["a name of the user's", dimm(512, "0x100000000", "<alias name='ua-mine'/>"), "memua-mine", "ram-node0"],
  ])("%s", (_, xml, block, main) => {
    expect(plugged(xml, block, main)).toEqual({
      isThere: true,
      ranges: [MAIN, { start: 0x1_0000_0000, end: 0x1_0000_0000 + 128 * PAGE }],
      codes: [],
    });
  });

  test.each([
    ["another size", dimm(1024, "0x100000000")],
    ["another slot", dimm(512, "0x100000000").replace("slot='0'", "slot='1'")],
    ["no address", dimm(512, "0x100000000").replace(/<address.*>/, "")],
    ["an address within a page", dimm(512, "0x100000100")],
    ["an address that no machine has", dimm(512, "0xfffffffff000")],
    [
      "not closed",
      dimm(512, "0x100000000")
        .replace("</memory>", "")
        .replace(/<address.*>/, ""),
    ],
  ])("left out, and said: %s", (_, xml) => {
    expect(plugged(xml, "memdimm0")).toEqual({ isThere: false, ranges: [MAIN], codes: ["UNPLACED_MEMORY"] });
  });
});
