import { describe, expect, test } from "vitest";
import { pageLayout } from "../../../src/kernel/page/page-layout.js";
import { parseKernelVersion } from "../../../src/kernel/version.js";
import type { Machine } from "../../../src/reader/machine.js";
import { parseVmcoreinfo } from "../../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../../src/warnings.js";
import { kernelFeatures } from "../../support/kernel/versions.js";
import { buildKernel } from "../../support/kernel-image.js";

const x86: Machine = { arch: "x86_64", wordSize: 8, littleEndian: true };

function layoutOf(release: string, vmcoreinfo: { remove?: string[]; add?: string[] } = {}) {
  const text = buildKernel({ release, vmcoreinfo }).vmcoreinfo;
  return pageLayout(parseVmcoreinfo(text, new Warnings()), x86, parseKernelVersion(release) as number);
}

describe("a kernel's struct page", () => {
  test.each(["2.6.32", "3.10.0", "4.4.0", "4.18.0", "5.4.0", "6.1.0", "6.12.0"])(
    "%s: size and offsets as exported",
    (release) => {
      const { size, flags, mapping } = kernelFeatures(release).layout;
      expect(layoutOf(release).layout).toMatchObject({
        size,
        offset: { flags, mapping },
        wordSize: 8,
        littleEndian: true,
      });
    },
  );

  test("a flag number that is not exported is undefined since 4.0, and the usual one before", () => {
    const remove = [
      "NUMBER(PG_slab)",
      "NUMBER(PG_lru)",
      "NUMBER(PG_private)",
      "NUMBER(PG_swapcache)",
      "NUMBER(PG_head_mask)",
    ];
    const now = layoutOf("6.1.0", { remove }).layout;
    expect([now?.bit.slab, now?.bit.lru, now?.bit.private, now?.bit.swapcache, now?.headMask]).toEqual(
      new Array(5).fill(undefined),
    );
    const old = layoutOf("3.10.0", { remove }).layout;
    expect([old?.bit.slab, old?.bit.lru, old?.bit.private, old?.bit.swapcache, old?.headMask]).toEqual([
      7,
      5,
      11,
      15,
      1 << 14,
    ]);
  });

  test("with slab as a page type no flag stands for it, not even an exported one", () => {
    const { layout } = layoutOf("6.12.0", { add: ["NUMBER(PG_slab)=7"] });
    expect(layout?.bit.slab).toBeUndefined();
    expect(layout?.type.slab).toBeTypeOf("number");
  });

  test("free pages where the mark is not exported: -2 in 2.6.38, -128 until 4.17, none after", () => {
    const remove = ["NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"];
    expect(
      ["2.6.32", "2.6.38", "2.6.39", "4.16.0", "5.4.0"].map(
        (release) => layoutOf(release, { remove }).layout?.type.buddy,
      ),
    ).toEqual([undefined, 0xffff_fffe, 0xffff_ff80, 0xffff_ff80, undefined]);
  });

  test("numbers that no flag can have are none", () => {
    const { layout } = layoutOf("6.1.0", { remove: ["NUMBER(PG_lru)"], add: ["NUMBER(PG_lru)=-1"] });
    expect(layout?.bit.lru).toBeUndefined();
    expect(
      layoutOf("6.1.0", { remove: ["NUMBER(PG_lru)"], add: ["NUMBER(PG_lru)=64"] }).layout?.bit.lru,
    ).toBeUndefined();
  });

  test.each([
    [["SIZE(page)"], [], "SIZE(page)"],
    [["OFFSET(page.flags)"], [], "OFFSET(page.flags)"],
    [["OFFSET(page.mapping)"], [], "OFFSET(page.mapping)"],
    [["OFFSET(page._refcount)"], [], "OFFSET(page._refcount)"],
    [["SIZE(page)"], ["SIZE(page)=7"], "SIZE(page)=7"],
    [["SIZE(page)"], ["SIZE(page)=4194304"], "SIZE(page)=4194304"],
    [["OFFSET(page.mapping)"], ["OFFSET(page.mapping)=63"], "OFFSET(page.mapping)=63"],
    [["OFFSET(page.mapping)"], ["OFFSET(page.mapping)=64"], "OFFSET(page.mapping)=64"],
  ])("without or with wrong %j %j: says what is missing", (remove, add, says) => {
    const { layout, missing } = layoutOf("6.1.0", { remove, add });
    expect(layout).toBeUndefined();
    expect(missing).toContain(says);
  });
});

describe("what no kernel exports", () => {
  test("PG_reserved is the bit below PG_private, unless it is exported", () => {
    const reserved = (vmcoreinfo = {}) => layoutOf("6.1.0", vmcoreinfo).layout?.bit;
    expect(reserved()?.reserved).toBe((reserved()?.private as number) - 1);
    expect(reserved({ add: ["NUMBER(PG_reserved)=14"] })?.reserved).toBe(14);
    expect(reserved({ remove: ["NUMBER(PG_private)"] })?.reserved).toBeUndefined();
    expect(reserved({ remove: ["NUMBER(PG_private)"], add: ["NUMBER(PG_private)=0"] })?.reserved).toBeUndefined();
  });

  test.each([
    ["4.4.0", undefined, undefined, 0xffff_ffff],
    ["4.18.0", 0xffff_fbff, undefined, 0xffff_ffff],
    ["5.10.0", 0xffff_fbff, undefined, 0xffff_ffff],
    ["6.1.0", 0xffff_fdff, undefined, 0xffff_ffff],
    ["6.11.0", 0xefff_ffff, 0xfeff_ffff, 0xffff_ffff],
    ["6.12.0", 0xf200_0000, 0xf600_0000, 0xff00_0000],
  ] as const)("%s: types of page tables and zsmalloc, and the bits that a type is in", (release, ...wanted) => {
    const { type, typeMask } = layoutOf(release).layout ?? {};
    expect([type?.pageTable, type?.zsmalloc, typeMask]).toEqual(wanted);
  });
});

test("the reference count is _refcount, _count before 4.6; index lies behind mapping", () => {
  for (const release of ["4.4.0", "6.1.0"]) {
    const { layout, missing } = layoutOf(release);
    expect(missing).toBeUndefined();
    expect(layout?.offset.index).toBe((layout?.offset.mapping as number) + 8);
    expect(layout?.offset.refcount).toBe(kernelFeatures(release).layout.refcount);
  }
  const { missing } = layoutOf("6.1.0", { remove: ["OFFSET(page._refcount)"], add: ["OFFSET(page._refcount)=62"] });
  expect(missing).toMatch(/page\._refcount\)=62/);
});
