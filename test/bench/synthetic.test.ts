/** Synthetic dumps of bench/: what filtering leaves of them is exactly what they were made of, and a seed repeats them. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outputPages } from "../../src/bench/compare-programs.js";
import { codecOf } from "../../src/codec/codecs.js";
import { testBit } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { withLargePages } from "../support/large-pages.js";

const program = fileURLToPath(new URL("../../bench/synthetic.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "coresieve-synthetic-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Runs = readonly (readonly [kind: string, zero: boolean, pages: number])[];
interface Page {
  readonly kind: string;
  readonly zero: boolean;
}

/** Mostly pages of zeros, which take no time to make. */
const LEAN = ["--size", "256M", "--kept", "0.1", "--zero", "0.95"];

/** Kinds that a level drops. */
const DROPPED: Readonly<Record<number, readonly string[]>> = {
  2: ["cache"],
  24: ["anon", "thp", "free"],
  31: ["cache", "cache-private", "anon", "thp", "free"],
};

function make(name: string, ...options: string[]): { dump: string; pages: Page[] } {
  const dump = join(folder, name);
  const truth = `${dump}.json`;
  execFileSync(process.execPath, [program, dump, "--truth", truth, ...options], { env: withLargePages() });
  const { sections, first, variants } = JSON.parse(readFileSync(truth, "utf8")) as {
    sections: number;
    first: Runs;
    variants: Runs[];
  };
  const expand = (runs: Runs) => runs.flatMap(([kind, zero, pages]) => Array<Page>(pages).fill({ kind, zero }));
  const parts = [first, ...Array.from({ length: sections - 1 }, (_, i) => variants[i % variants.length] as Runs)];
  return { dump, pages: parts.flatMap(expand) };
}

/** Whether two files are equal, which are too large to have them in memory for that. */
function sameBytes(one: string, other: string): boolean {
  const files = [one, other].map((path) => ({ fd: openSync(path, "r"), bytes: Buffer.alloc(2 ** 20) }));
  try {
    for (;;) {
      const [a, b] = files.map(({ fd, bytes }) => bytes.subarray(0, readSync(fd, bytes))) as [Buffer, Buffer];
      if (!a.equals(b)) return false;
      if (a.length === 0) return true;
    }
  } finally {
    for (const { fd } of files) closeSync(fd);
  }
}

const share = (pages: readonly Page[], of: (page: Page) => boolean) => pages.filter(of).length / pages.length;

describe("a small one", () => {
  let made: ReturnType<typeof make>;
  beforeAll(() => {
    made = make("small", ...LEAN, "--seed", "7");
  });

  test.each([2, 24, 31])("level %i leaves exactly the expected pages", async (level) => {
    const out = join(folder, `out${level}`);
    const dump = openDump(made.dump);
    try {
      const result = await filterDump(dump, { output: { path: out }, level, format: "kdump", codec: codecOf("lzo") });
      const left = made.pages.map(({ kind }) => !DROPPED[level]?.includes(kind));
      const { kept, pages } = outputPages(out);
      expect(pages).toBe(left.filter(Boolean).length);
      expect(left.findIndex((stays, pfn) => stays !== testBit(kept, pfn))).toBe(-1);
      const zeros = level % 2 === 0 ? 0 : made.pages.filter(({ zero }, pfn) => zero && left[pfn]).length;
      expect(result.classes.zero).toBe(zeros);
      expect(result.warnings).toEqual([]);
    } finally {
      dump.close();
    }
  });

  test("the same seed gives the same bytes, another seed others", () => {
    const again = make("again", ...LEAN, "--seed", "7");
    expect(sameBytes(again.dump, made.dump)).toBe(true);
    const other = make("other", ...LEAN, "--seed", "8");
    expect(sameBytes(other.dump, made.dump)).toBe(false);
  });
});

test("kinds, zero pages and contents are as asked for", () => {
  const options = [
    "--size",
    "256M",
    "--variants",
    "1",
    "--kept",
    "0.3",
    "--mix",
    "kernel=3,slab=1,thp=0,free=1,cache-private=0",
  ];
  const { pages } = make(
    "chosen",
    ...options,
    "--zero",
    "free=1,kernel=0.8,anon=0",
    "--contents",
    "slab=noise,cache=zero",
  );
  // Section 0 is the kernel's own.
  const others = pages.slice(32768);
  const of = (kind: string) => share(others, (page) => page.kind === kind);
  expect(of("kernel")).toBeCloseTo(0.225, 2);
  expect(of("slab")).toBeCloseTo(0.075, 2);
  expect([of("thp"), of("cache-private")]).toEqual([0, 0]);
  expect(of("anon") / of("cache")).toBeCloseTo(25 / 22, 1);
  const zeros = (kind: string) =>
    share(
      others.filter((page) => page.kind === kind),
      (page) => page.zero,
    );
  expect([zeros("free"), zeros("cache"), zeros("anon")]).toEqual([1, 1, 0]);
  expect(zeros("kernel")).toBeCloseTo(0.8, 1);
});
