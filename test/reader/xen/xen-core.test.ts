/** Cores of Xen domains built of a real dump's memory, pages in any order: the same kept pages, and the registers of each CPU. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { verifyDump } from "../../../src/verify/verify-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { compareKdumpWithElf } from "../../support/compare-pages.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, sharedThread, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, pfnSet } from "../../support/golden.js";
import { failureOf } from "../../support/open.js";
import { openKdump } from "../../support/other-kdump.js";
import { ramOf } from "../../support/raw-image.js";
import { buildXenCore, type XenCoreOptions, xenContext } from "../../support/xen-core.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const PAGE = 4096;
const small = [
  { start: 0, data: Buffer.alloc(3 * PAGE, 1) },
  { start: 0x1_0000_0000, data: Buffer.alloc(2 * PAGE, 2) },
];
const core = (options: Partial<XenCoreOptions> = {}) => {
  writeFileSync(at("core"), buildXenCore({ pieces: small, ...options }));
  return at("core");
};

describe("a core", () => {
  test("has its pages where the index says, but for those that were not to be had", () => {
    const dump = openDump(core({ order: (i, n) => n - 1 - i, absent: new Set([1]) }));
    expect(dump.ranges).toEqual([
      { start: 0, end: PAGE },
      { start: 2 * PAGE, end: 3 * PAGE },
      { start: 0x1_0000_0000, end: 0x1_0000_2000 },
    ]);
    expect([dump.machine.arch, dump.header.description, dump.header.cpus]).toEqual([
      "x86_64",
      "core of a Xen domain",
      0,
    ]);
    const page = new Uint8Array(1);
    dump.memory.read(page, 0x1_0000_1000);
    expect(page[0]).toBe(2);
    dump.close();
  });

  test("gives each CPU a note: in the kernel GS has the kernel's base", () => {
    const contexts = [
      xenContext({
        rip: 0xffff_ffff_8100_0000n,
        rsp: 0xffff_c900_0000_0000n,
        cr3: 0x1000n,
        rax: 7n,
        gs: [0xffff_8880_0000_0000n, 5n],
      }),
      xenContext({ rip: 0x40_1000n, rsp: 0x7fff_0000n, cr3: 0x2000n, cs: 0x33, gs: [0xffff_8880_0001_0000n, 6n] }),
    ];
    const dump = openDump(core({ contexts }));
    const registers = dump.notes.map(({ desc }) => Buffer.from(desc));
    expect(dump.notes.map(({ name, type }) => `${name} ${type}`)).toEqual(["CORE 1", "CORE 1"]);
    expect(registers.map((desc) => desc.readInt32LE(32))).toEqual([1, 2]);
    const word = (cpu: number, n: number) => registers[cpu]?.readBigUInt64LE(112 + 8 * n);
    // rax, rip, rsp, gs_base of user_regs_struct.
    expect([10, 16, 19, 22].map((n) => word(0, n))).toEqual([
      7n,
      0xffff_ffff_8100_0000n,
      0xffff_c900_0000_0000n,
      0xffff_8880_0000_0000n,
    ]);
    expect([16, 17, 19, 22].map((n) => word(1, n))).toEqual([0x40_1000n, 0x33n, 0x7fff_0000n, 6n]);
    dump.close();
  });

  test("with fewer pages than announced is read as far as it goes", () => {
    const dump = openDump(core({ announced: 9 }));
    expect(dump.ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(5 * PAGE);
    dump.close();
  });
});

describe("the core of a paravirtualised domain", () => {
  const frameOf = (pfn: number) => 0x5000 - (pfn % 0xfff0);

  test("has its pages where the domain has them, and the addresses of page tables stand for those", () => {
    const dump = openDump(core({ index: ".xen_p2m", frameOf, order: (i, n) => (i * 3) % n, absent: new Set([1]) }));
    expect([dump.header.description, dump.ranges.length]).toEqual(["core of a paravirtualised Xen domain", 3]);
    const { physicalOf } = dump.memory;
    expect([0, 2, 0x10_0001].map((pfn) => physicalOf?.(frameOf(pfn) * PAGE + 5))).toEqual([
      ...[5, 2 * PAGE + 5, 0x1_0000_1005],
    ]);
    expect([0, 0x4000_0000].map((address) => physicalOf?.(address))).toEqual([undefined, undefined]);
    dump.close();
  });

  test("gives each CPU a note: its kernel runs in the ring of users, and does not look so", () => {
    const common = { rsp: 0xffff_c900_0000_0000n, cr3: 0x1000n, gs: [7n, 5n] as const };
    const contexts = [
      xenContext({ ...common, rip: 0xffff_ffff_8100_0000n, cs: 0xe033, flags: 4n }),
      xenContext({ ...common, rip: 0x40_1000n, cs: 0xe033 }),
    ];
    const dump = openDump(core({ index: ".xen_p2m", frameOf, contexts }));
    const word = (cpu: number, n: number) => Buffer.from(dump.notes[cpu]?.desc ?? []).readBigUInt64LE(112 + 8 * n);
    // rip, cs, gs_base.
    expect([16, 17, 22].map((n) => word(0, n))).toEqual([0xffff_ffff_8100_0000n, 0xe030n, 7n]);
    expect([16, 17, 22].map((n) => word(1, n))).toEqual([0x40_1000n, 0xe033n, 5n]);
    dump.close();
  });
});

test.each([
  ["with pages of no size", { pageSize: 5000 }, "CORRUPT", /pages of 5000 bytes/],
  ["with a page beyond all memory", { pieces: [{ start: 2 ** 60, data: Buffer.alloc(PAGE) }] }, "CORRUPT", /page 0x/],
] as const)("a core %s is refused", (_, options, code, says) => {
  const error = failureOf(() => openDump(core(options)));
  expect([error.code, error.reason]).toEqual([code, expect.stringMatching(says)]);
});

test("one that is cut off is an error, and salvaged as far as it goes", () => {
  const bytes = buildXenCore({ pieces: small });
  // The names of the sections stand behind the pages: without them nothing says which is which.
  writeFileSync(at("nameless"), bytes.subarray(0, bytes.length - 4 * PAGE));
  expect(failureOf(() => openDump(at("nameless"))).code).toMatch(/TRUNCATED|NOT_A_DUMP/);
  const grown = Buffer.from(bytes);
  // .xen_pages says more than there is.
  grown.writeBigUInt64LE(BigInt(9 * PAGE), 64 + 64 * 4 + 32);
  grown.writeBigUInt64LE(BigInt(5 * 8), 64 + 64 * 3 + 32);
  writeFileSync(at("whole"), grown);
  openDump(at("whole")).close();
});

/** Gives each entry of page tables the host's frame, as a paravirtualised domain has them. Pages of 2 MiB keep theirs together. */
function withHostFrames(ram: ReturnType<typeof ramOf>, root: number, frameOf: (pfn: number) => number): void {
  const seen = new Set<number>();
  const visit = (table: number, level: number) => {
    const piece = ram.find(({ start, data }) => start <= table && table < start + data.length);
    if (piece === undefined || seen.has(table)) return;
    seen.add(table);
    const data = Buffer.from(piece.data.buffer, piece.data.byteOffset, piece.data.length);
    for (let i = 0; i < 512; i++) {
      const at = table - piece.start + 8 * i;
      const entry = data.readBigUInt64LE(at);
      if ((entry & 1n) === 0n) continue;
      const to = Number(entry & 0xf_ffff_ffff_f000n);
      if (level < 3 && (entry & 128n) === 0n) visit(to, level + 1);
      const frame = BigInt(frameOf(to / PAGE)) * 4096n;
      data.writeBigUInt64LE((entry & ~0xf_ffff_ffff_f000n) | frame, at);
    }
  };
  visit(root, 0);
}

describeWithDumps("a core of a real machine's memory", () => {
  test("with the host's frames in its page tables has the same kept pages", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const ram = ramOf(vmcore).map(({ start, data }) => ({ start, data: Buffer.from(data) }));
    // Groups of 2 MiB are where others are.
    const frameOf = (pfn: number) => 0x80_0000 + (pfn ^ 0xff_fe00);
    const plain = openDump(vmcore);
    const info = plain.vmcoreinfo;
    const root = (info?.symbol("swapper_pg_dir") ?? 0n) - 0xffff_ffff_8000_0000n + (info?.number("phys_base") ?? 0n);
    plain.close();
    withHostFrames(ram, Number(root), frameOf);
    writeFileSync(at("pv"), buildXenCore({ pieces: ram, index: ".xen_p2m", frameOf }));
    await filterFile(vmcore, at("pv-plain"));
    const warnings = new Warnings();
    const result = await filterFile(at("pv"), at("pv-out"), { warnings });
    expect([warnings.list.map(({ code }) => code), result.kernelRelease]).toEqual([["HOST_ADDRESSES"], "6.1.192-tiny"]);
    // The output has a note with what the addresses stand for.
    const { findings, comparison } = await verifyDump(at("pv-out"), { against: at("pv"), workers: sharedThread() });
    expect([findings, comparison?.classes?.kept]).toEqual([[], 0]);
    const [one, other] = [openKdump(at("pv-plain")), openKdump(at("pv-out"))];
    one.close();
    other.close();
    const kept = [...bitmapPfns(one.bitmap2)].filter((pfn) => pfn * PAGE < 0xfffc_0000);
    expect(pfnSet(bitmapPfns(other.bitmap2))).toEqual(pfnSet(kept));
  });

  test("has the same kept pages", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    // Odd steps through all pages, so that hardly any two are neighbours.
    writeFileSync(at("real"), buildXenCore({ pieces: ramOf(vmcore), order: (i, n) => (i * 7919) % n }));
    await filterFile(vmcore, at("plain"));
    const warnings = new Warnings();
    const result = await filterFile(at("real"), at("out"), { warnings });
    expect([warnings.list, result.kernelRelease]).toEqual([[], "6.1.192-tiny"]);
    const [plain, found] = [openKdump(at("plain")), openKdump(at("out"))];
    plain.close();
    found.close();
    const ram = [...bitmapPfns(plain.bitmap2)].filter((pfn) => pfn * PAGE < 0xfffc_0000);
    expect(pfnSet(bitmapPfns(found.bitmap2))).toEqual(pfnSet(ram));
    expect(compareKdumpWithElf(at("out"), vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
  });
});
