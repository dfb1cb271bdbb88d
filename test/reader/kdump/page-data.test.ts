/** Page data of kdump files in any order and company: shared, behind each other, read by many at once, damaged among others. */
import { describe, expect, test } from "vitest";
import { frameHolds } from "../../../src/codec/zstd.js";
import { generator } from "../../codec/wasm/encode/corpus.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildKdump, type KdumpPage } from "../../support/kdump-image.js";
import { failureOf, pageOf, withDump } from "../../support/open.js";
import { compressPage, zstdAvailable } from "../../support/page-codecs.js";

const PAGE = 4096;
const DESCRIPTOR = 24;
const folder = temporaryFolder();
const folders = [2, 3, 4, 5, 6, 7].map(() => temporaryFolder());
const codecs = ["raw", "zlib", "lzo", "snappy", ...(zstdAvailable() ? (["zstd"] as const) : [])] as const;

/** Runs of each codec, with raw pages, pages of zeros and holes between them; enough data for several windows. */
function manyPages(count: number, seed: number): Map<number, KdumpPage> {
  const next = generator(seed);
  const pages = new Map<number, KdumpPage>();
  for (let pfn = 0; pfn < count; ) {
    const codec = codecs[next() % codecs.length] as (typeof codecs)[number];
    for (let i = next() % 40; i >= 0 && pfn < count; i--, pfn++) {
      const kind = next() % 16;
      if (kind === 0) continue;
      const half = noiseBytes(seed + pfn, PAGE / 2);
      const data = Buffer.concat([half, patternBytes(`page ${pfn} `, PAGE / 2)]);
      pages.set(pfn, kind < 4 ? { codec: "zero" } : { codec: kind === 4 ? "raw" : codec, data });
    }
  }
  return pages;
}

function contentOf({ codec, data }: KdumpPage): Uint8Array {
  return codec === "zero" ? new Uint8Array(PAGE) : (data as Uint8Array);
}

describe("every page as it was put in", () => {
  const pages = manyPages(700, 1);
  const file = buildKdump({ pages });
  const pfns = [...pages.keys()];
  const isRight = (found: Uint8Array, pfn: number) =>
    expect(Buffer.compare(found, contentOf(pages.get(pfn) as KdumpPage)), `pfn ${pfn}`).toBe(0);

  test("in runs, one by one upwards, downwards, anyhow, and in pieces", () => {
    withDump(folder, file, (dump) => {
      for (let start = 0; start < pfns.length; ) {
        const first = pfns[start] as number;
        let end = start;
        while (pfns[end] === first + end - start) end++;
        const run = new Uint8Array((end - start) * PAGE);
        expect(dump.memory.read(run, first * PAGE)).toBe(run.length);
        for (let i = start; i < end; i++) {
          isRight(run.subarray((i - start) * PAGE, (i - start + 1) * PAGE), pfns[i] as number);
        }
        start = end;
      }
      for (const pfn of pfns) isRight(pageOf(dump, pfn), pfn);
      for (const pfn of [...pfns].reverse()) isRight(pageOf(dump, pfn), pfn);
      const next = generator(2);
      for (let i = 0; i < 300; i++) {
        const pfn = pfns[next() % pfns.length] as number;
        isRight(pageOf(dump, pfn), pfn);
        const from = next() % 4000;
        const piece = new Uint8Array(90);
        dump.memory.read(piece, pfn * PAGE + from);
        expect(Buffer.from(piece)).toEqual(
          Buffer.from(contentOf(pages.get(pfn) as KdumpPage)).subarray(from, from + 90),
        );
      }
    });
  });

  test("of more dumps in turn than a thread has windows for", () => {
    const others = [2, 3, 4, 5, 6, 7].map((seed) => manyPages(60, seed));
    const open = (index: number, dumps: Parameters<typeof pageOf>[0][]): void => {
      const one = others[index];
      if (one !== undefined) {
        withDump(folders[index] as string, buildKdump({ pages: one }), (dump) => open(index + 1, [...dumps, dump]));
        return;
      }
      for (let pfn = 0; pfn < 60; pfn++) {
        for (const [i, dump] of dumps.entries()) {
          const page = others[i]?.get(pfn);
          if (page !== undefined) expect(Buffer.compare(pageOf(dump, pfn), contentOf(page)), `dump ${i}`).toBe(0);
        }
      }
    };
    open(0, []);
  });

  test("where pages share their data, as --dedupe leaves them", () => {
    const shared = Buffer.from(file);
    const expected = new Map(pages);
    withDump(folder, file, ({ image }) => {
      if (image.kind !== "kdump") throw new Error("no kdump");
      const next = generator(3);
      const at = (index: number) => (image.parts[0]?.descriptors as number) + index * DESCRIPTOR;
      for (let i = 1; i < pfns.length; i++) {
        if (next() % 3 !== 0) continue;
        const from = next() % i;
        shared.copy(shared, at(i), at(from), at(from) + DESCRIPTOR);
        expected.set(pfns[i] as number, expected.get(pfns[from] as number) as KdumpPage);
      }
    });
    withDump(folder, shared, (dump) => {
      for (const pfn of pfns) {
        expect(Buffer.compare(pageOf(dump, pfn), contentOf(expected.get(pfn) as KdumpPage)), `pfn ${pfn}`).toBe(0);
      }
    });
  });
});

describe.each(codecs.filter((codec) => codec !== "raw"))("%s", (codec) => {
  const content = (pfn: number) => patternBytes(`page ${pfn} `, PAGE);
  const around = (bad: KdumpPage) =>
    buildKdump({
      pages: new Map(Array.from({ length: 9 }, (_, i) => [i, i === 5 ? bad : { codec, data: content(i) }])),
    });

  test.each([
    ["damaged", Buffer.from(compressPage(codec, content(5))).map((byte, i) => (i % 7 === 5 ? byte ^ 0x55 : byte))],
    ["of half a page", compressPage(codec, content(5).subarray(0, 2048))],
    ["of two pages", compressPage(codec, Buffer.concat([content(5), content(6)]))],
    ["cut short", compressPage(codec, content(5)).subarray(0, -3)],
  ])("a page among others whose data are %s: it is named, and the others are read", (_, stored) => {
    withDump(folder, around({ codec, data: content(5), stored }), (dump) => {
      const all = new Uint8Array(9 * PAGE);
      const error = failureOf(() => dump.memory.read(all, 0));
      expect(error.code).toBe("CORRUPT");
      expect(error.message).toContain("pfn 0x5");
      for (const pfn of [0, 4, 6, 8]) expect(pageOf(dump, pfn).equals(Buffer.from(content(pfn)))).toBe(true);
    });
  });

  test("a file that ends among them", () => {
    const whole = around({ codec, data: content(5) });
    withDump(folder, whole.subarray(0, whole.length - 60), (dump) => {
      const error = failureOf(() => dump.memory.read(new Uint8Array(9 * PAGE), 0));
      expect(error.code).toBe("TRUNCATED");
      expect(pageOf(dump, 4).equals(Buffer.from(content(4)))).toBe(true);
    });
  });
});

describe("zstd frames", () => {
  const header = (...bytes: number[]) => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...bytes, ...new Array(12).fill(0));

  test.each([
    ["2 bytes, one segment", [0x60, 0x00, 0x0f], 4096],
    ["2 bytes, with a window", [0x40, 0x58, 0x00, 0x0f], 4096],
    ["2 bytes, behind a dictionary's number of 4", [0x63, 1, 2, 3, 4, 0x00, 0x0f], 4096],
    ["4 bytes", [0xa0, 0x00, 0x00, 0x01, 0x00], 65536],
  ])("a size of %s", (_, bytes, size) => {
    expect(frameHolds(header(...bytes), 0, size)).toBe(true);
    expect(frameHolds(header(...bytes), 0, size + 1)).toBe(false);
    expect(frameHolds(Uint8Array.of(1, ...header(...bytes)), 1, size)).toBe(true);
    expect(frameHolds(Uint8Array.of(1, ...header(...bytes)), 0, size)).toBe(false);
  });

  test("no size", () => expect(frameHolds(header(0x00, 0x58), 0, 4096)).toBe(false));

  test.runIf(zstdAvailable())("what zstd writes says it", () => {
    expect(frameHolds(compressPage("zstd", noiseBytes(1, PAGE)), 0, PAGE)).toBe(true);
    expect(frameHolds(compressPage("zstd", new Uint8Array(65536)), 0, 65536)).toBe(true);
  });
});
