/** Audits of built dumps: secrets across borders and outside of pages, struct pages from the original, damage. */
import { describe, expect, test, vi } from "vitest";
import { auditDump } from "../../src/audit/audit-dump.js";
import { searchPages } from "../../src/audit/scan-pages.js";
import { createSearcher } from "../../src/filter/text/searcher.js";
import { setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { expectFailure, inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, type PageDescription } from "../support/kernel-image.js";
import { failureOfAsync } from "../support/open.js";
import { writeDump } from "../support/write-dump.js";
import { auditFile, secretsOf } from "./support.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const PAGE = 4096;
const SECRET = "the colour of the bikeshed";

/** A page of one letter with text at an offset; what does not fit goes into the page behind. */
function pagesWith(text: string, offset: number, count: number): Uint8Array {
  const bytes = Buffer.alloc(count * PAGE, "x");
  bytes.write(text, offset, "latin1");
  return bytes;
}

/** A kernel with two pages of its own that a text lies across. */
const straddled: PageDescription[] = [
  { pfn: 152, kind: "kernel", order: 1, content: pagesWith(SECRET, PAGE - 5, 2) },
  { pfn: 160, kind: "kernel", content: pagesWith(SECRET, 7, 1) },
];

function write(name: string, bytes: Uint8Array): string {
  writeDump(file(name), bytes);
  return file(name);
}

describe("what is searched gives way to other events", () => {
  test("pages, behind each read", () => {
    const bytes = buildElf({ loads: [{ paddr: 0, data: Buffer.alloc(1024 * PAGE, "x") }] });
    const dump = openDump(write("pages", bytes));
    const present = sharedBitmap(dump.maxMapnr);
    setBits(present, 0, 1024);
    const searcher = createSearcher(secretsOf([SECRET]), PAGE);
    const visitor = { page: () => undefined, secret: () => undefined };
    const turns = [...searchPages(dump, present, { startPfn: 0, endPfn: 1024 }, searcher, visitor)];
    expect(turns).toHaveLength((1024 * PAGE) / searcher.room);
    expect(turns.length).toBeGreaterThan(1);
    dump.close();
  });

  test("what is outside of pages: a signal stops it", async () => {
    const bytes = toElf(buildKernel({ pages: [] }), { style: "qemu" });
    const dump = openDump(write("long", Buffer.concat([bytes, Buffer.alloc(16 * 2 ** 20, "x")])));
    // Each piece of the work takes long, however fast the machine is.
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      now += 1000;
      return now;
    });
    const controller = new AbortController();
    const options = {
      ...{ secrets: secretsOf([SECRET]), signal: controller.signal },
      onProgress(pages: number, all: number) {
        if (pages === all) setImmediate(() => setImmediate(() => controller.abort()));
      },
    };
    await expect(auditDump(dump, options)).rejects.toMatchObject({ code: "ABORTED" });
    clock.mockRestore();
    dump.close();
  });
});

describe.each([
  ["ELF", (pages: PageDescription[]) => toElf(buildKernel({ pages }), { style: "qemu" })],
  ["kdump", (pages: PageDescription[]) => toKdump(buildKernel({ pages }))],
  ["flattened kdump", (pages: PageDescription[]) => flatten(toKdump(buildKernel({ pages }), { codec: "raw" }))],
] as const)("%s", (_, build) => {
  test("a secret is found in a page and across the border of two, with place and kind", async () => {
    const result = await auditFile(write("dump", build(straddled)), ["other secret", SECRET]);
    const found = { where: "page", count: 1, kind: "kernel" };
    expect(result.places).toEqual([
      { line: 2, pfn: 152, offset: PAGE - 5, crossesPages: true, ...found },
      { line: 2, pfn: 160, offset: 7, crossesPages: false, ...found },
    ]);
    expect(result.secrets).toEqual([
      { line: 1, length: 12, found: 0, pages: 0, kinds: {}, outsidePages: 0 },
      { line: 2, length: 26, found: 2, pages: 2, kinds: { kernel: 2 }, outsidePages: 0 },
    ]);
    expect(result.clean).toBe(false);
  });

  test("without user data and secrets the result is clean; one page of either is enough", async () => {
    const clean = await auditFile(write("dump", build(straddled)), ["not there at all"]);
    expect(clean).toMatchObject({ clean: true, userDataPages: 0, unknownPages: 0, classifiedBy: "dump", places: [] });
    for (const kind of ["anon", "cache", "pcp-free", "hugetlb", "free"] as const) {
      const found = await auditFile(write("dump", build([{ pfn: 512, kind }])));
      expect(found, kind).toMatchObject({ clean: false, userDataPages: kind === "hugetlb" ? 512 : 1 });
    }
    const zero = await auditFile(write("dump", build([{ pfn: 512, kind: "anon", content: "zero" }])));
    expect(zero).toMatchObject({ clean: true, userDataPages: 0 });
    expect(zero.kinds).toContainEqual({ kind: "anon", verdict: "user data", pages: 1, zeroPages: 1 });
  });
});

test("a secret that ends in a page that the dump does not have is not found, nor is one of pages that are not neighbours", async () => {
  const bytes = (text: string, offset: number) => pagesWith(text, offset, 1);
  const loads = [
    { paddr: 0x1000, data: bytes(SECRET.slice(0, 5), PAGE - 5) },
    { paddr: 0x3000, data: bytes(SECRET.slice(5), 0) },
    { paddr: 0x4000, data: bytes(SECRET.slice(0, 9), PAGE - 9) },
    { paddr: 0x5000, data: bytes(SECRET.slice(9), 0) },
  ];
  // In the file the pages lie behind each other: only addresses count.
  const result = await auditFile(write("dump", buildElf({ loads, machine: 62 })), [SECRET]);
  expect(result.places).toMatchObject([{ pfn: 4, offset: PAGE - 9, crossesPages: true, kind: "no-struct-page" }]);
  expect(result).toMatchObject({ classifiedBy: "nothing", unknownPages: 4, clean: false });
});

test("what is outside of pages is searched: notes, gaps, bytes behind the end, what a flattened file hides", async () => {
  const kernel = buildKernel();
  const notes = [...kernel.notes, { name: "OTHER", type: 7, desc: Buffer.from(`a ${SECRET}`) }];
  const inNote = await auditFile(write("dump", toKdump({ ...kernel, notes })), [SECRET]);
  expect(inNote.places).toMatchObject([
    { where: "notes", note: "OTHER" },
    { where: "file", file: file("dump") },
  ]);
  const trailing = Buffer.concat([toKdump(kernel), Buffer.from(`slack ${SECRET}`)]);
  const behind = await auditFile(write("dump", trailing), [SECRET]);
  expect(behind.places).toEqual([
    { line: 1, where: "file", file: file("dump"), offset: trailing.length - SECRET.length },
  ]);
  const inner = toKdump(kernel);
  const hidden = { offset: 8192, bytes: Buffer.from(SECRET) };
  const flat = flatten(inner, { before: [hidden], trailing: Buffer.from(SECRET) });
  const between = await auditFile(write("dump", flat), [SECRET]);
  expect(between.places).toMatchObject([
    { where: "flattened", offset: 4096 + 16 },
    { where: "flattened", offset: flat.length - SECRET.length },
  ]);
});

test("struct pages come from the original where the dump lacks them", async () => {
  const pages: PageDescription[] = [
    { pfn: 512, kind: "anon", content: pagesWith(SECRET, 0, 1) },
    { pfn: 513, kind: "slab", content: pagesWith(SECRET, 0, 1) },
  ];
  const kernel = buildKernel({ pages });
  const original = write("original", toElf(kernel));
  const loads = [{ paddr: 512 * PAGE, data: kernel.memory.read(512 * PAGE, 2 * PAGE) }];
  const few = write("few", buildElf({ loads, machine: 62, notes: kernel.notes }));
  expect((await failureOfAsync(() => auditFile(few))).message).toMatch(/cannot be classified.*`original` names/);
  const result = await auditFile(few, [SECRET], { original });
  expect(result).toMatchObject({ classifiedBy: "original", pages: 2, userDataPages: 1, unknownPages: 0 });
  expect(result.places).toMatchObject([
    { kind: "anon", mapping: expect.stringMatching(/[13579bdf]$/) },
    { kind: "slab" },
  ]);
  const other = write("other", toElf(buildKernel({ utsname: { version: "#2 SMP" } })));
  expect((await failureOfAsync(() => auditFile(original, [], { original: other }))).message).toMatch(
    /another kernel or boot/,
  );
});

test("pages that cannot be decoded are findings, and the others are searched all the same", async () => {
  const dump = toKdump(buildKernel({ pages: straddled }), { codec: "zlib" });
  const whole = await auditFile(write("dump", dump), [SECRET]);
  // Some page in the middle of the data.
  dump.fill(0xff, dump.length - 6000, dump.length - 5990);
  const result = await auditFile(write("dump", dump), [SECRET]);
  expect(result.damagedPages).toBe(1);
  expect(result.places).toEqual(whole.places);
});

test("the command: exit code 0 when nothing is found, 1 when something is, 2 when it is asked wrongly", async () => {
  const dump = write("dump", toKdump(buildKernel({ pages: straddled })));
  const secrets = write(
    "secrets",
    Buffer.from(`# names\r\nnot there\r\n\nhex:${Buffer.from(SECRET).toString("hex")}\n`),
  );
  const none = write("none", Buffer.from("not there\n"));
  const clean = await runHere(["audit", dump, "--secrets", none]);
  expect({ code: clean.code, stderr: clean.stderr }).toEqual({ code: 0, stderr: "" });
  expect(clean.stdout.toString()).toMatch(
    /Secrets {2}0 of 1 found.*\nResult {3}nothing found\nSHA-256 {2}[0-9a-f]{64}\n$/,
  );
  const found = await runHere(["audit", dump, "--secrets", secrets]);
  expect({ code: found.code, stderr: found.stderr }).toEqual({ code: 1, stderr: "" });
  expect(found.stdout.toString()).toMatch(/line 4: page 0x98 at 0xffb, into the next page: kernel, and 1 like it\n/);
  expect(found.stdout.toString()).not.toContain(SECRET);
  const json = await runHere(["audit", dump, "--secrets", secrets, "--json"]);
  const { schema, places, clean: isClean } = JSON.parse(json.stdout.toString());
  expect({ code: json.code, schema, isClean, places: places.length }).toEqual({
    code: 1,
    schema: 1,
    isClean: false,
    places: 2,
  });
  expectFailure(await runHere(["audit"]), 2, "no dump was named");
  expectFailure(
    await runHere(["audit", dump, "--secrets", write("bad", Buffer.from("abc\n"))]),
    2,
    "line 1 is a secret of 3 bytes",
  );
  expectFailure(await runHere(["audit", file("nowhere")]), 1, "cannot be opened");
});
