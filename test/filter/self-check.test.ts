/** VMCOREINFO that does not fit the memory: said, and the pages in question kept. No false alarm on what is right. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { initialPlan } from "../../src/filter/plan.js";
import { type Policy, policyOfLevel } from "../../src/filter/policy.js";
import { selfCheck } from "../../src/filter/self-check/self-check.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump, realDumps } from "../support/dumps.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";
import { privateKernel } from "../support/kernel/private-kernel.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, type KernelOptions, MiB } from "../support/kernel-image.js";
import { integerBytes } from "../support/memory.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];

/** The check of a dump with its text changed; which classes of `level` are kept for it, and the warnings. */
function check(path: string, change: (text: string) => string = (text) => text, level = 31) {
  const dump = openDump(path);
  try {
    const plain = completeWithKernel(dump, new Warnings()).dump;
    const text = change(plain.vmcoreinfo?.text ?? "");
    const warnings = new Warnings();
    const changed =
      text === plain.vmcoreinfo?.text
        ? plain
        : completeWithKernel(dump, warnings, { vmcoreinfo: { text, name: "changed.txt" } }).dump;
    const view = kernelView(changed, warnings);
    const asked = policyOfLevel(level);
    const { policy, view: checked } = selfCheck(changed, view, asked, initialPlan(changed, view), warnings);
    const kept = (Object.keys(asked) as (keyof Policy)[]).filter((kind) => asked[kind] && !policy[kind]);
    return {
      kept,
      codes: warnings.list.map(({ code }) => code),
      message: warnings.list[0]?.message ?? "",
      hwpoison: checked.layout.bit.hwpoison,
      order: checked.layout.order,
    };
  } finally {
    dump.close();
  }
}

/** Changes one number of the text; a name that it does not have is a mistake in the test. */
function set(name: string, value: (old: number) => number) {
  return (text: string) => {
    const lines = text.split("\n");
    const at = lines.findIndex((line) => line.startsWith(`${name}=`));
    if (at === -1) throw new Error(`${name} is not in the text`);
    lines[at] = `${name}=${value(Number(lines[at]?.slice(name.length + 1)))}`;
    return lines.join("\n");
  };
}

const byFlags = ["cache", "cachePrivate", "user"];
const all = [...byFlags, "free"];

/** Facts of another kernel, with the symbols of this one. */
function factsOf(other: string) {
  const isFact = (line: string) =>
    /^(SIZE|OFFSET|LENGTH|NUMBER\(P[GA])/.test(line) && !/uts_namespace|mem_section|PAGE_OFFSET/.test(line);
  return (text: string) =>
    `${[...text.split("\n").filter((line) => line !== "" && !isFact(line)), ...other.split("\n").filter(isFact)].join("\n")}\n`;
}

describeWithDumps("real dumps with one wrong fact", () => {
  let paths: Readonly<Record<string, string>>;
  let other: string;
  beforeAll(async () => {
    const names = ["tiny-x86-6.1", "tiny-x86-6.12", "tiny-i386-6.1-flatmem", "tiny-s390x-6.12"];
    const dumps = await Promise.all(names.map(realDump));
    paths = Object.fromEntries(dumps.map((dump, i) => [names[i] as string, dump.vmcore]));
    other = readFileSync((dumps[0] as (typeof dumps)[0]).vmcoreinfo, "latin1");
  });

  const wrong: readonly (readonly [string, string, (old: number) => number, readonly string[]])[] = [
    ["tiny-x86-6.1", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", (old) => old - 64, ["free"]],
    ["tiny-x86-6.1", "OFFSET(page._mapcount)", (old) => old + 4, ["free"]],
    ["tiny-x86-6.1", "OFFSET(page.private)", (old) => old + 8, ["free"]],
    ["tiny-x86-6.1", "OFFSET(page.flags)", (old) => old + 8, byFlags],
    ["tiny-x86-6.1", "OFFSET(page.flags)", (old) => old + 24, byFlags],
    ["tiny-x86-6.1", "OFFSET(page.mapping)", (old) => old + 8, byFlags],
    ["tiny-x86-6.1", "NUMBER(PG_lru)", () => 5, byFlags],
    ["tiny-x86-6.1", "NUMBER(PG_head_mask)", (old) => old * 2, byFlags],
    ["tiny-x86-6.1", "SIZE(page)", () => 56, all],
    ["tiny-x86-6.1", "SIZE(page)", () => 128, all],
    ["tiny-x86-6.12", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", () => -129, ["free"]],
    ["tiny-x86-6.12", "NUMBER(PG_lru)", () => 4, byFlags],
    ["tiny-x86-6.12", "OFFSET(page.flags)", (old) => old + 16, byFlags],
    ["tiny-x86-6.12", "SIZE(page)", () => 72, all],
    ["tiny-i386-6.1-flatmem", "OFFSET(page.flags)", (old) => old + 4, byFlags],
    ["tiny-i386-6.1-flatmem", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", (old) => old - 1, ["free"]],
    ["tiny-s390x-6.12", "SIZE(page)", () => 56, all],
    ["tiny-s390x-6.12", "OFFSET(page.flags)", (old) => old + 8, byFlags],
  ];

  test.each(wrong)("%s, %s", (name, fact, value, kept) => {
    const found = check(paths[name] as string, set(fact, value));
    expect(found).toMatchObject({ kept: expect.arrayContaining([...kept]), codes: ["SELF_CHECK"] });
    expect(found.message).toMatch(/does not fit the memory .*; for that reason these are kept: .*`vmcoreinfo: /);
    // With flags in doubt a memory error is, too.
    if (kept.includes("user")) expect(found.hwpoison).toBeUndefined();
  });

  test.each([
    [
      "tiny-x86-6.1",
      (text: string) =>
        text.replace(/OFFSET\(page.compound_order\)=(\d+)/, (_, at) => `OFFSET(page.compound_order)=${Number(at) + 1}`),
    ],
    // Without the number of a destructor the order would be looked for where 6.6 and later have it.
    [
      "tiny-x86-6.1",
      (text: string) => text.replace(/^(OFFSET\(page.compound_order\)|NUMBER\(HUGETLB_PAGE_DTOR\))=.*\n/gm, ""),
    ],
  ] as const)("%s, an order that is none: huge pages stay but for their first page", (name, change) => {
    const found = check(paths[name] as string, change);
    expect(found).toMatchObject({ kept: [], codes: ["SELF_CHECK"] });
    expect(found.message).toMatch(
      /compound pages end where their order says.*for that reason these are kept: huge pages but for their first page/,
    );
    expect(found.order).toBeUndefined();
  });

  test("the facts of another kernel", () => {
    const found = check(paths["tiny-x86-6.12"] as string, factsOf(other));
    expect(found).toMatchObject({ kept: all, codes: ["SELF_CHECK"] });
  });

  test("the output keeps the pages that cannot be told, and no others", async () => {
    const path = paths["tiny-x86-6.1"] as string;
    const right = await filterFile(path, output);
    const dump = openDump(path);
    const text = set("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", () => -193)(dump.vmcoreinfo?.text ?? "");
    const result = await filterDump(dump, {
      ...{
        output: { path: output, force: true },
        level: 31,
        format: "kdump",
        codec: codecOf("none"),
        workers: sharedThread(),
      },
      vmcoreinfo: { text, name: "changed.txt" },
    });
    dump.close();
    expect(result.warnings).toMatchObject([{ code: "SELF_CHECK", count: 1 }]);
    expect(result.classes).toMatchObject({ free: 0, user: right.classes.user, cache: right.classes.cache });
    expect(result.classes.kept).toBeGreaterThan(right.classes.kept);
  });
});

describeWithDumps("no alarm on real dumps", () => {
  test.each(realDumps)("$name", async ({ name }) => {
    const { vmcore } = await realDump(name);
    expect(check(vmcore)).toMatchObject({ kept: [], codes: [] });
    expect(check(vmcore, undefined, 2)).toMatchObject({ kept: [], codes: [] });
  });

  test("that were filtered before, to kdump and to ELF", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    for (const format of ["kdump", "elf"] as const) {
      for (const level of [16, 31]) {
        await filterFile(vmcore, input, { level, format });
        const { warnings } = await filterFile(input, output);
        expect(warnings, `${format}, level ${level}`).toEqual([]);
      }
    }
  });

  test("of which the end is missing", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const dump = openDump(vmcore);
    const half = { ...dump, ranges: dump.ranges.slice(0, 1), maxMapnr: Math.floor(dump.maxMapnr / 2) };
    const warnings = new Warnings();
    const view = kernelView(half, warnings);
    const asked = policyOfLevel(31);
    expect(selfCheck(half, view, asked, initialPlan(dump, view), warnings).policy).toEqual(asked);
    expect(warnings.list).toEqual([]);
    dump.close();
  });
});

const plenty: NonNullable<KernelOptions["pages"]> = [
  ...[16, 18, 20, 24, 26, 28].map((pfn) => ({ pfn, kind: "free", order: 1 }) as const),
  ...[32, 64, 1024].map((pfn, i) => ({ pfn, kind: "free", order: [4, 5, 10][i] as number }) as const),
  { pfn: 200, kind: "anon", count: 150 },
  { pfn: 400, kind: "cache", count: 80 },
  { pfn: 512, kind: "thp" },
];

function built(options: KernelOptions) {
  writeElf(input, buildKernel({ pages: plenty, ...options }));
  return check(input);
}

describe("built kernels", () => {
  test.each(["3.10.0", "4.19.0", "5.10.0", "6.1.0", "6.12.0", "7.1.0", "7.9.0"])(
    "%s as it is: nothing to say",
    (release) => {
      expect(built({ release })).toMatchObject({ kept: [], codes: [] });
    },
  );

  const missing: readonly (readonly [string, string, readonly string[]])[] = [
    ["6.1.0", "NUMBER(PG_lru)", ["cache", "cachePrivate"]],
    ["6.1.0", "NUMBER(PG_slab)", ["user"]],
    ["6.12.0", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", ["user"]],
    ["6.1.0", "NUMBER(PG_head_mask)", []],
    ["6.1.0", "OFFSET(page.compound_order)", []],
    ["6.3.0", "OFFSET(folio._folio_order)", []],
  ];
  test.each(missing)("%s without %s says so", (release, name, kept) => {
    const found = built({ release, vmcoreinfo: { remove: [name] } });
    expect(found).toMatchObject({ kept, codes: ["FACT_MISSING"] });
    expect(found.message).toContain(name);
  });

  test("a kernel newer than known without a mark of free pages: its lists tell them", async () => {
    const vmcoreinfo = { remove: ["NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"] };
    writeElf(input, buildKernel({ release: "7.9.0", pages: plenty, vmcoreinfo }));
    const { classes, warnings } = await filterFile(input, output);
    expect(classes.free).toBe(6 * 2 + 16 + 32 + 1024);
    expect(warnings).toEqual([]);
  });

  test("large objects of kmalloc have a type and no references in newer kernels (7.2): they refute no mark of free pages", () => {
    const heads = Array.from({ length: 40 }, (_, i) => 2048 + 8 * i);
    const pages = [
      ...heads.map((pfn) => ({ pfn, kind: "kernel", order: 2 }) as const),
      { pfn: 1024, kind: "free", order: 10 } as const,
    ];
    const kernel = buildKernel({ release: "7.1.0", pages });
    const { mapcount, refcount } = kernel.features.layout;
    for (const pfn of heads) {
      const at = kernel.structPhysical(pfn) as number;
      kernel.memory.write(at + mapcount, integerBytes(0xf8ff_ffffn, 4, kernel.arch.byteOrder));
      kernel.memory.write(at + refcount, integerBytes(0n, 4, kernel.arch.byteOrder));
    }
    writeElf(input, kernel);
    expect(check(input)).toMatchObject({ kept: [], codes: [] });
  });

  test("free pages that no list can confirm are held against the zones' counters", async () => {
    // The lists cannot be asked, and too few pages are marked to judge by them: the counters know of more.
    const pages = [
      { pfn: 1024, kind: "free", order: 10 },
      { pfn: 2048, kind: "free", order: 10 },
    ] as const;
    const change = { remove: ["OFFSET(page.lru)", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"] };
    const add = ["OFFSET(page.lru)=16", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-200"];
    const [memory, numa] = [48 * MiB, true];
    writeElf(input, buildKernel({ memory, numa, pages, vmcoreinfo: { ...change, add } }));
    const { classes, warnings } = await filterFile(input, output);
    expect(classes.free).toBe(0);
    expect(warnings).toMatchObject([{ code: "SELF_CHECK" }]);
    expect(warnings[0]?.message).toContain("0 pages seem free, the kernel counts 2048");
    const right = buildKernel({ memory, numa, pages });
    writeElf(input, right);
    expect(await filterFile(input, output)).toMatchObject({ classes: { free: 2048 }, warnings: [] });
  });
});

describe("a text with the layout of another kernel, in which no rule meets a case", () => {
  const anon = [{ pfn: 300, kind: "anon", count: 40 }] as const;
  const layoutOf32 = ["mapping=12", "lru=4", "_mapcount=24", "private=20", "_refcount=28", "compound_head=4"];

  test("words of struct page that are not aligned as the machine aligns them are refused", async () => {
    const kernel = buildKernel({ pages: anon });
    const old = kernel.vmcoreinfo
      .split("\n")
      .flatMap((line) => /^(?:OFFSET\(page\..*\)|SIZE\(page\))(?==)/.exec(line)?.[0] ?? []);
    const add = [
      "SIZE(page)=32",
      "OFFSET(page.flags)=0",
      ...layoutOf32.map((one) => `OFFSET(page.${one.replace("=", ")=")}`),
    ];
    writeElf(input, buildKernel({ pages: anon, vmcoreinfo: { remove: old, add } }));
    await expect(filterFile(input, output)).rejects.toMatchObject({
      code: "CANNOT_FILTER",
      why: "VMCOREINFO has OFFSET(page.mapping)=12 with SIZE(page)=32, which is impossible",
    });
  });

  test("a page size that no kernel of the machine has is not used", async () => {
    const vmcoreinfo = { remove: ["PAGESIZE"], add: ["PAGESIZE=8192"] };
    writeElf(input, buildKernel({ pages: anon, vmcoreinfo }));
    const { classes, warnings } = await filterFile(input, output, { level: 30, format: "elf" });
    expect(warnings.map(({ code }) => code)).toContain("VMCOREINFO_LINE");
    expect(classes.user).toBe(40);
  });

  test("where lists that name themselves are not where the layout has them, everything is kept", async () => {
    const numa = true;
    const pages = [{ pfn: 1024, kind: "free", order: 10 }, ...anon] as const;
    const whole = privateKernel({ numa, pages });
    const offset = (name: string) => Number(new RegExp(`${name}\\)=(\\d+)`).exec(whole.vmcoreinfo)?.[1]);
    // All fields are 8 bytes further on than they are, and the zones are not found.
    const names = [
      "page.mapping",
      "page.lru",
      "page._mapcount",
      "page.private",
      "page.compound_head",
      "page._refcount",
    ];
    const moved = names.map((name) => `OFFSET(${name})`);
    const remove = [...moved, "OFFSET(pglist_data.nr_zones)"];
    const add = [
      ...moved.map((name, i) => `${name}=${(offset(names[i] as string) + 24) % 64}`),
      "OFFSET(pglist_data.nr_zones)=8",
    ];
    writeElf(input, privateKernel({ numa, pages, vmcoreinfo: { remove, add } }));
    const { classes, warnings } = await filterFile(input, output, { level: 30 });
    expect(warnings.map(({ code }) => code)).toContain("SELF_CHECK");
    expect(classes).toMatchObject({ cache: 0, "cache-private": 0, user: 0, free: 0 });
    writeElf(input, whole);
    expect(await filterFile(input, output, { level: 30 })).toMatchObject({
      classes: { user: 40, free: 1024 },
      warnings: [],
    });
  });
});

describe("facts that would take ordinary pages for others, and drop them at every level", () => {
  test.each([
    ["6.1.0", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -1, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", 0, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -129, "FACT_MISSING"],
    ["6.12.0", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -5, "FACT_MISSING"],
    ["6.12.0", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", 0xff00_0000, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PG_hwpoison)", 16, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PG_hwpoison)", 1, "FACT_MISSING"],
    ["6.12.0", "NUMBER(PG_hwpoison)", 9, "FACT_MISSING"],
    ["6.1.0", "NUMBER(HUGETLB_PAGE_DTOR)", 1, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PG_hwpoison)", 19, "FACT_MISSING"],
    ["6.1.0", "NUMBER(PG_hwpoison)", "xyz", "VMCOREINFO_LINE"],
    ["6.1.0", "OFFSET(page.compound_dtor)", -1, "VMCOREINFO_LINE"],
    ["6.1.0", "NUMBER(HUGETLB_PAGE_DTOR)", "9".repeat(30), "VMCOREINFO_LINE"],
  ] as const)("%s with %s=%s", async (release, name, value, code) => {
    const kernel = (vmcoreinfo = {}) => writeElf(input, buildKernel({ release, pages: plenty, vmcoreinfo }));
    kernel();
    const plain = await filterFile(input, output, { level: 16 });
    kernel({ remove: [name], add: [`${name}=${value}`] });
    const changed = await filterFile(input, output, { level: 16 });
    expect(changed.classes).toMatchObject({ hwpoison: plain.classes.hwpoison, offline: plain.classes.offline });
    expect(changed.classes.kept).toBeGreaterThanOrEqual(plain.classes.kept);
    expect(changed.warnings.map((one) => one.code)).toContain(code);
  });
});
