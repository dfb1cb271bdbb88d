import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { noiseBytes, patternBytes } from "../support/bytes.js";
import { hasLibkdumpfile, readWithLibkdumpfile } from "../support/external-tools.js";
import { buildKdump, buildKdumpSplit, type KdumpPage } from "../support/kdump-image.js";
import { prstatusNote } from "../support/notes.js";
import { zstdAvailable } from "../support/page-codecs.js";

const PAGE = 4096;

function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

const pages = new Map<number, KdumpPage>([
  [1, { codec: "raw", data: patternBytes("raw page ", PAGE) }],
  [3, { codec: "zlib", data: patternBytes("zlib page ", PAGE) }],
  [5, { codec: "lzo", data: patternBytes("lzo page, with some length to it ", PAGE) }],
  [6, { codec: "snappy", data: patternBytes("snappy page ", PAGE) }],
  [64, { codec: "zero" }],
  [65, { codec: "zlib", data: noiseBytes(7, PAGE) }],
  [66, { codec: "lzo", data: mixedPage(3) }],
  [900, { codec: zstdAvailable() ? "zstd" : "raw", data: patternBytes("zstd page ", PAGE) }],
  [901, { codec: "zero" }],
]);

/** Half noise, half text: literals and matches of many lengths. */
function mixedPage(seed: number): Uint8Array {
  const page = noiseBytes(seed, PAGE);
  for (let at = 0; at + 300 < PAGE; at += 400) {
    page.set(patternBytes(`part ${at} `, 40 + (at % 257)), at);
  }
  return page;
}

const expected = [...pages].map(([, page]) => digest(page.data ?? new Uint8Array(PAGE)));
const reads = [...pages.keys()].map((pfn) => [pfn * PAGE, PAGE] as const);
const vmcoreinfo = "OSRELEASE=6.1.0-synthetic\nPAGESIZE=4096\nNUMBER(phys_base)=0\n";

const shapes = ["64", "32-packed", "32-padded"] as const;

/** Version 0.5.1 knows no padded 32-bit sub header, so it reads only what has nothing behind the padding. */
function knownToLibkdumpfile(variant: { readonly version: number; readonly shape: string }): boolean {
  return variant.shape !== "32-padded" || variant.version < 3;
}

describe.skipIf(!hasLibkdumpfile)("kdump images read by libkdumpfile", () => {
  const variants = [1, 2, 3, 4, 5, 6].flatMap((version) =>
    (["little", "big"] as const).flatMap((byteOrder) =>
      shapes.map((shape) => ({ version, byteOrder, shape })).filter(knownToLibkdumpfile),
    ),
  );

  test.each(variants)("version $version, $byteOrder endian, $shape", ({ version, byteOrder, shape }) => {
    const image = buildKdump({
      version,
      byteOrder,
      wordSize: shape === "64" ? 8 : 4,
      packed32: shape === "32-packed",
      utsname: {
        sysname: "Linux",
        release: "6.1.0-synthetic",
        version: "#1",
        machine: shape === "64" ? "s390x" : "ppc",
      },
      pages,
      excluded: [2, 4, 902],
      notes: [prstatusNote(42)],
      vmcoreinfo,
      nrCpus: 1,
    });
    const answer = readWithLibkdumpfile(
      image,
      [...reads, [2 * PAGE, PAGE]],
      [
        "arch.byte_order",
        "arch.ptr_size",
        "linux.vmcoreinfo.lines.OSRELEASE",
        "linux.uts.release",
        "file.format",
        "max_pfn",
      ],
    );
    expect(answer.pages.slice(0, -1)).toEqual(expected);
    expect(answer.pages.at(-1)).toMatch(/^error/);
    expect(answer.attributes["linux.uts.release"]).toBe("6.1.0-synthetic");
    expect(answer.attributes["arch.ptr_size"]).toBe(shape === "64" ? 8 : 4);
    expect(answer.attributes["arch.byte_order"]).toBe(byteOrder === "little" ? 1 : 0);
    if (version >= 3) {
      expect(answer.attributes["linux.vmcoreinfo.lines.OSRELEASE"]).toBe("6.1.0-synthetic");
    }
  });

  test("data in another order than pfns", () => {
    const image = buildKdump({ pages, dataOrder: [...pages.keys()].reverse(), vmcoreinfo });
    expect(readWithLibkdumpfile(image, reads).pages).toEqual(expected);
  });

  test("64 KiB blocks", () => {
    const data = patternBytes("big ", 65_536);
    const image = buildKdump({
      blockSize: 65_536,
      utsname: { sysname: "Linux", release: "6.1.0", version: "#1", machine: "aarch64" },
      pages: new Map([[7, { codec: "lzo", data }]]),
      vmcoreinfo: vmcoreinfo.replace("4096", "65536"),
    });
    expect(readWithLibkdumpfile(image, [[7 * 65_536, 65_536]]).pages).toEqual([digest(data)]);
  });

  test("a member of a split set holds its own pages", () => {
    const set = buildKdumpSplit({ pages, excluded: [2], vmcoreinfo, dumpLevel: 1 }, [0, 64, 960]);
    expect(set).toHaveLength(2);
    expect(readWithLibkdumpfile(set[0] ?? new Uint8Array(0), reads.slice(0, 4)).pages).toEqual(expected.slice(0, 4));
  });

  test("pages of very different compressibility survive lzo", () => {
    const many = new Map<number, KdumpPage>();
    for (let pfn = 0; pfn < 200; pfn++) {
      const data = mixedPage(pfn);
      data.set(patternBytes("abcdefg".slice(0, 1 + (pfn % 7)), 17 * (pfn % 200)), 8 * (pfn % 50));
      many.set(pfn, { codec: "lzo", data });
    }
    const image = buildKdump({ pages: many, vmcoreinfo });
    const answer = readWithLibkdumpfile(
      image,
      [...many.keys()].map((pfn) => [pfn * PAGE, PAGE] as const),
    );
    expect(answer.pages).toEqual([...many.values()].map((page) => digest(page.data ?? new Uint8Array(0))));
  });
});

test("the padded 32-bit sub header has its 64-bit members at multiples of 8", () => {
  const image = buildKdump({
    wordSize: 4,
    pages,
    vmcoreinfo,
    eraseinfo: "erase jack size 64\n",
    split: { startPfn: 0, endPfn: 128 },
    physBase: 0x1234,
  });
  const view = new DataView(image.buffer, PAGE);
  expect(view.getUint32(0, true)).toBe(0x1234);
  const [vmcoreinfoOffset, noteOffset, eraseOffset] = [24, 40, 56].map((at) => Number(view.getBigUint64(at, true)));
  expect(noteOffset).toBe(PAGE + 96);
  expect(vmcoreinfoOffset).toBe(PAGE + 96 + 12 + 12);
  expect(eraseOffset).toBe(image.length - 19);
  expect(view.getUint32(32, true)).toBe(vmcoreinfo.length);
  expect(view.getBigUint64(80, true)).toBe(128n);
  expect(view.getBigUint64(88, true)).toBe(902n);
});
