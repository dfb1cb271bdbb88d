/** One rule set for classes and kinds: the module of pass 1 and the rules in TypeScript say the same of any struct page. */
import { expect, test } from "vitest";
import { classTable } from "../../../src/filter/class-rules.js";
import { BATCH, createClassifier } from "../../../src/filter/classifier.js";
import { CACHE, CACHE_PRIVATE, FREE, OFFLINE, USER } from "../../../src/filter/page-classes.js";
import { MAX_LEVEL, type Policy, policyOfLevel } from "../../../src/filter/policy.js";
import { CLASS_FACTS, FACT, pageFactsReader } from "../../../src/kernel/page/page-facts.js";
import { KIND, kindOf, PAGE_KINDS } from "../../../src/kernel/page/page-kinds.js";
import { type PageLayout, pageLayout } from "../../../src/kernel/page/page-layout.js";
import { pageMarks } from "../../../src/kernel/page/page-marks.js";
import { parseKernelVersion } from "../../../src/kernel/version.js";
import { parseVmcoreinfo } from "../../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../../src/warnings.js";
import { buildKernel } from "../../support/kernel-image.js";

/** A generator of numbers below `limit`, the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function layoutOf(release: string, littleEndian: boolean): PageLayout {
  const info = parseVmcoreinfo(buildKernel({ release }).vmcoreinfo, new Warnings());
  const machine = { arch: littleEndian ? "x86_64" : "s390x", wordSize: 8, littleEndian } as const;
  const { layout } = pageLayout(info, machine, parseKernelVersion(release) as number);
  if (layout === undefined) throw new Error(`no layout of ${release}`);
  return layout;
}

/** Struct pages with any mixture of marks: single pages, so that no block hides the next one. */
function randomPages(layout: PageLayout, count: number): Uint8Array {
  const bytes = new Uint8Array(count * layout.size);
  const view = new DataView(bytes.buffer);
  const { at, mask, type } = pageMarks(layout);
  const random = numbers(layout.size + count);
  const bits = Object.entries(mask).filter(([name]) => name !== "head" && name !== "tail");
  const types = [0xffff_ffff, 0, 5, 0xffff_fe00, ...Object.values(type).filter((value) => value >= 0)];
  for (let page = 0; page < count; page++) {
    const start = page * layout.size;
    const put = (place: number, value: number) => view.setUint32(start + place, value >>> 0, layout.littleEndian);
    put(
      at.flags,
      bits.reduce((flags, [, bit]) => (random(3) === 0 ? flags | bit : flags), 0),
    );
    put(at.mapping, random(2) === 0 ? random(4) : 0x1000 + random(4));
    put(at.refcount, random(2));
    const pageType = types[random(types.length)] as number;
    if (layout.offset.mapcount !== undefined) put(at.mapcount, pageType);
  }
  return bytes;
}

/** What pass 1 makes of the pages. */
function scanned(layout: PageLayout, policy: Policy, pages: Uint8Array): Uint8Array {
  const classifier = createClassifier(layout, policy);
  try {
    const count = pages.length / layout.size;
    classifier.pages.set(pages);
    classifier.present.fill(0xff);
    classifier.classify(0, 0, count, 0);
    return classifier.classes.slice(0, count);
  } finally {
    classifier.end();
  }
}

const RELEASES = ["2.6.32", "3.10.0", "4.4.0", "4.18.0", "5.10.0", "6.1.0", "6.11.0", "6.12.0", "7.1.0"];

test.each(RELEASES)("%s: the module and the rules give every page the same class", (release) => {
  for (const littleEndian of [true, false]) {
    const layout = layoutOf(release, littleEndian);
    // Unaccepted memory comes in blocks: this is about single pages.
    const single = { ...layout, type: { ...layout.type, unaccepted: undefined } };
    const pages = randomPages(single, BATCH / 2);
    const view = new DataView(pages.buffer);
    const reader = pageFactsReader(single);
    for (let level = 0; level < 32; level += 2) {
      const policy = policyOfLevel(level);
      const table = classTable(policy);
      const wanted = Array.from({ length: BATCH / 2 }, (_, i) => {
        const facts = reader.factsAt(view, i * single.size, false);
        return policy.free && (facts & FACT.free) !== 0 ? FREE : table[facts & CLASS_FACTS];
      });
      expect([...scanned(single, policy, pages)]).toEqual(wanted);
    }
  }
});

test.each(RELEASES)("%s: what is asked for slabs alone agrees with the kinds", (release) => {
  for (const littleEndian of [true, false]) {
    const layout = layoutOf(release, littleEndian);
    const pages = randomPages(layout, BATCH);
    const view = new DataView(pages.buffer);
    const { factsAt, isSlab } = pageFactsReader(layout);
    const places = Array.from({ length: BATCH }, (_, i) => i * layout.size);
    const slabs = places.filter((at) => kindOf(factsAt(view, at, false)) === KIND.slab);
    expect(slabs.length).toBeGreaterThan(0);
    expect(places.filter((at) => isSlab(view, at))).toEqual(slabs);
  }
});

test("kinds and classes of the same facts never contradict each other", () => {
  const table = classTable(policyOfLevel(MAX_LEVEL));
  const marked = ["hwpoison", "offline", "unaccepted", "reserved", "page-table", "zsmalloc", "kernel", "hugetlb"];
  const allowed: Readonly<Record<number, readonly string[]>> = {
    [CACHE]: ["cache", "shmem", "swap-cache", "slab", ...marked],
    [CACHE_PRIVATE]: ["cache-private", "swap-cache", "slab", ...marked],
    [USER]: ["anon", "anon-off-lru", "ksm", "swap-cache", ...marked],
    [OFFLINE]: ["offline", "unaccepted"],
  };
  const seen = new Set<number>();
  const wrong: string[] = [];
  for (let facts = 0; facts < FACT.unset; facts++) {
    // What is on a list or in the swap cache is cached, and nothing else is.
    if (((facts & FACT.cached) !== 0) !== ((facts & (FACT.onLru | FACT.swapCache)) !== 0)) continue;
    if ((facts & (FACT.anon | FACT.movable)) !== 0 && (facts & FACT.mapped) === 0) continue;
    const kind = kindOf(facts);
    seen.add(kind);
    if ((facts & FACT.free) !== 0) continue;
    const pageClass = table[facts & CLASS_FACTS] as number;
    const name = PAGE_KINDS[kind] as string;
    if (allowed[pageClass]?.includes(name) === false) wrong.push(`${facts.toString(2)}: ${pageClass}, ${name}`);
  }
  expect(wrong).toEqual([]);
  // The others take more than one struct page, or none.
  const others = ["no-struct-page", "unreadable", "kernel-tail", "pcp-free"] as const;
  expect(seen.size).toBe(PAGE_KINDS.length - others.length);
  expect(kindOf(FACT.unset)).toBe(KIND["no-struct-page"]);
});
