/** The memory in QEMU migration streams: built ones, whole, cut off and damaged. Real ones: test/services/qemu.test.ts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DumpErrorCode } from "../../../src/errors.js";
import { attachMemory, fillBitmaps, stretchesOf } from "../../../src/reader/attach.js";
import { sharedBitmap } from "../../../src/reader/bitmap.js";
import { testBitIn } from "../../../src/reader/bits.js";
import type { Dump } from "../../../src/reader/dump.js";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { ByteBuffer, noiseBytes, patternBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildMigration, type StreamOptions, type StreamRecord } from "../../support/migration-stream.js";
import { failureOf } from "../../support/open.js";

const folder = temporaryFolder();
const path = join(folder, "stream");
const PAGE = 4096;

interface Opened {
  readonly dump: Dump;
  readonly warnings: Warnings;
}

function opened<T>(bytes: Uint8Array, use: (opened: Opened) => T, salvage = false): T {
  writeFileSync(path, bytes);
  const warnings = new Warnings();
  const dump = openDump(path, warnings, { salvage });
  try {
    return use({ dump, warnings });
  } finally {
    dump.close();
  }
}

const pageAt = ({ memory }: Pick<Dump, "memory">, paddr: number, size = PAGE): Buffer => {
  const page = Buffer.alloc(size, 0xee);
  return page.subarray(0, memory.read(page, paddr));
};

const small = (parts: StreamOptions["parts"], more: Partial<StreamOptions> = {}): StreamOptions => ({
  blocks: [
    { name: "pc.ram", length: 64 * PAGE },
    { name: "pc.bios", length: 4 * PAGE },
    { name: "0000:00:02.0/vga.vram", length: 2 * PAGE },
  ],
  parts,
  ...more,
});

const noise = (seed: number) => noiseBytes(seed, PAGE);

describe("pages", () => {
  test("the last copy counts, also of parts that follow; pages never sent are zeros; firmware is no memory", () => {
    const bytes = buildMigration(
      small([
        [
          { page: 0, data: noise(1) },
          { page: 1, data: noise(2) },
          { page: 2, fill: 0 },
          { page: 3, fill: 0x5a },
          { page: 1, data: noise(9), block: "pc.bios" },
          { page: 4, data: patternBytes("packed ", PAGE), as: "zlib" },
        ],
        [{ flush: true }, { page: 1, data: noise(3), block: "pc.bios" }],
        [
          { page: 1, data: noise(4), block: "pc.ram" },
          { page: 0, fill: 0 },
          { page: 0, data: noise(5) },
        ],
      ]),
    );
    opened(bytes, ({ dump, warnings }) => {
      expect(dump.ranges).toEqual([{ start: 0, end: 64 * PAGE }]);
      expect(dump.header).toMatchObject({ format: "qemu-migration", incomplete: false });
      expect(dump.machine.arch).toBe("x86_64");
      for (const memory of [dump.memory, attachMemory(structuredClone(dump.image))]) {
        expect(pageAt({ memory }, 0)).toEqual(Buffer.from(noise(5)));
        expect(pageAt({ memory }, PAGE)).toEqual(Buffer.from(noise(4)));
        expect(pageAt({ memory }, 2 * PAGE)).toEqual(Buffer.alloc(PAGE));
        expect(pageAt({ memory }, 3 * PAGE)).toEqual(Buffer.alloc(PAGE, 0x5a));
        expect(pageAt({ memory }, 4 * PAGE)).toEqual(Buffer.from(patternBytes("packed ", PAGE)));
        expect(pageAt({ memory }, 63 * PAGE)).toEqual(Buffer.alloc(PAGE));
        expect(pageAt({ memory }, 64 * PAGE)).toHaveLength(0);
        // Across pages of every kind, and from within one.
        const all = Buffer.concat([0, 1, 2, 3, 4].map((pfn) => pageAt({ memory }, pfn * PAGE)));
        expect(pageAt({ memory }, 100, 5 * PAGE - 200)).toEqual(all.subarray(100, 5 * PAGE - 100));
        expect(memory.next(5)).toBe(5);
        expect(memory.next(64 * PAGE)).toBe(Number.POSITIVE_INFINITY);
      }
      expect(warnings.list).toEqual([]);
    });
  });

  test("changes (XBZRLE) of changes, of pages of every kind", () => {
    const bytes = buildMigration(
      small(
        [
          [
            { page: 0, data: noise(1) },
            { page: 1, data: patternBytes("x", PAGE), as: "zlib" },
            { page: 2, fill: 7 },
          ],
          [0, 1, 2, 3].flatMap((page): StreamRecord[] => [
            {
              page,
              changes: [
                [10, Buffer.from("one")],
                [300, Buffer.alloc(200, 1)],
              ],
            },
            {
              page,
              changes: [
                [11, Buffer.from("two")],
                [4000, Buffer.from("end")],
              ],
            },
          ]),
        ],
        { capabilities: ["xbzrle"] },
      ),
    );
    opened(bytes, ({ dump }) => {
      const bases = [noise(1), patternBytes("x", PAGE), Buffer.alloc(PAGE, 7), Buffer.alloc(PAGE)];
      bases.forEach((base, i) => {
        const expected = Buffer.from(base);
        expected.write("one", 10);
        expected.fill(1, 313, 513);
        expected.write("two", 11);
        expected.write("end", 4014);
        expect(pageAt(dump, i * PAGE)).toEqual(expected);
      });
    });
  });

  test("any records in any order: memory is as their receiver's", () => {
    const record = fc.record({ page: fc.nat(15), kind: fc.nat(4), seed: fc.nat(200), at: fc.nat(4000) });
    fc.assert(
      fc.property(fc.array(fc.array(record, { maxLength: 20 }), { minLength: 1, maxLength: 4 }), (parts) => {
        const model = Array.from({ length: 16 }, () => Buffer.alloc(PAGE));
        const written = parts.map((part) =>
          part.map(({ page, kind, seed, at }): StreamRecord => {
            if (kind === 0) {
              model[page] = Buffer.alloc(PAGE, seed);
              return { page, fill: seed };
            }
            if (kind === 1) {
              const come = noiseBytes(seed, 50);
              (model[page] as Buffer).set(come, at);
              return { page, changes: [[at, come]] };
            }
            const data = kind === 2 ? noise(seed) : patternBytes(`${seed} `, PAGE);
            model[page] = Buffer.from(data);
            return { page, data, as: kind === 3 ? "zlib" : "plain" };
          }),
        );
        const blocks = [{ name: "pc.ram", length: 16 * PAGE }];
        opened(buildMigration({ blocks, parts: written, capabilities: ["xbzrle", "compress"] }), ({ dump }) => {
          expect(pageAt(dump, 0, 16 * PAGE).equals(Buffer.concat(model))).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("mapped-ram: pages at fixed places, counted from the beginning of the file", () => {
    const stored = new Map([
      ["pc.ram", new Map([3, 0, 40].map((page) => [page, noise(page + 1)]))],
      ["pc.bios", new Map([[0, noise(99)]])],
    ]);
    const bytes = buildMigration(small([[]], { capabilities: ["mapped-ram"], stored }));
    opened(bytes, ({ dump }) => {
      for (let page = 0; page < 64; page++) {
        const data = stored.get("pc.ram")?.get(page);
        expect(pageAt(dump, page * PAGE)).toEqual(data === undefined ? Buffer.alloc(PAGE) : Buffer.from(data));
      }
    });
    // Cut within its pages: those that are there are kept, and what is not there is no zeros.
    const place = bytes.length - Buffer.from(bytes).indexOf(Buffer.from(noise(41)));
    opened(
      bytes.subarray(0, bytes.length - place + 100),
      ({ dump, warnings }) => {
        expect(pageAt(dump, 3 * PAGE)).toEqual(Buffer.from(noise(4)));
        expect(pageAt(dump, 39 * PAGE)).toEqual(Buffer.alloc(PAGE));
        expect(pageAt(dump, 40 * PAGE)).toHaveLength(0);
        expect(warnings.list.map(({ code }) => code)).toEqual(["CUT_OFF"]);
      },
      true,
    );
  });
});

test("what goes on beside the memory is passed over; machines of old have no footers", () => {
  const parts = [[{ page: 0, data: noise(1) }], [{ page: 1, data: noise(2) }]];
  const beside = Buffer.from([0x7e, 0, 0, 0, 9, 0x7e, 0, 0, 0, 3, 0xff, 1, 2, 3]);
  for (const options of [small(parts, { beside }), small(parts, { footers: false, ramVersion: 3 })]) {
    opened(buildMigration(options), ({ dump }) => {
      expect(pageAt(dump, 0)).toEqual(Buffer.from(noise(1)));
      expect(pageAt(dump, PAGE)).toEqual(Buffer.from(noise(2)));
    });
  }
});

test("what capabilities put into the list of blocks: sizes of huge pages, addresses", () => {
  const parts = [[{ page: 2, data: noise(1) }]];
  const blocks = [
    { name: "pc.ram", length: 64 * PAGE, hugePageSize: 2 << 20 },
    { name: "pc.bios", length: 4 * PAGE },
  ];
  const alone = [{ name: "pc.ram", length: 64 * PAGE, hugePageSize: 2 << 20 }];
  const capabilities = ["postcopy-ram"];
  for (const list of [blocks, [...blocks].reverse(), alone, blocks.map(({ name, length }) => ({ name, length }))]) {
    const first = list.map(({ name }) => name).indexOf("pc.ram");
    const records = first === 0 ? parts : [[{ page: 2, data: noise(1), block: "pc.ram" }]];
    opened(buildMigration({ blocks: list, parts: records, capabilities }), ({ dump }) => {
      expect(pageAt(dump, 2 * PAGE)).toEqual(Buffer.from(noise(1)));
    });
  }
});

const GIB = 2 ** 30;
const MIB = 2 ** 20;
/** From `info mtree` of QEMU 7.2 and 11.1. */
const places: readonly (readonly [string, readonly string[], number, readonly (readonly [number, number])[]])[] = [
  ["pc-i440fx-7.2", ["pc.ram"], 3.5 * GIB - MIB, [[0, 3.5 * GIB - MIB]]],
  [
    "pc-i440fx-7.2",
    ["pc.ram"],
    3.5 * GIB,
    [
      [0, 3 * GIB],
      [4 * GIB, 4.5 * GIB],
    ],
  ],
  [
    "pc-i440fx-11.1",
    ["pc.ram"],
    5 * GIB,
    [
      [0, 3 * GIB],
      [4 * GIB, 6 * GIB],
    ],
  ],
  [
    "pc-i440fx-1.7",
    ["pc.ram"],
    5 * GIB,
    [
      [0, 3.5 * GIB],
      [4 * GIB, 5.5 * GIB],
    ],
  ],
  ["pc-q35-7.2", ["pc.ram"], 2.75 * GIB - MIB, [[0, 2.75 * GIB - MIB]]],
  [
    "pc-q35-rhel9.2.0",
    ["pc.ram"],
    2.75 * GIB,
    [
      [0, 2 * GIB],
      [4 * GIB, 4.75 * GIB],
    ],
  ],
  ["microvm", ["microvm.ram"], 3 * GIB, [[0, 3 * GIB]]],
  [
    "microvm",
    ["microvm.ram"],
    5 * GIB,
    [
      [0, 3 * GIB],
      [4 * GIB, 6 * GIB],
    ],
  ],
  ["virt-7.2", ["mach-virt.ram"], 5 * GIB, [[GIB, 6 * GIB]]],
  ["virt", ["riscv_virt_board.ram"], 5 * GIB, [[2 * GIB, 7 * GIB]]],
  ["virt-11.1", ["loongarch.ram"], 200 * MIB, [[0, 200 * MIB]]],
  [
    "virt-11.1",
    ["loongarch.ram"],
    5 * GIB,
    [
      [0, 256 * MIB],
      [2 * GIB, 7 * GIB - 256 * MIB],
    ],
  ],
  ["s390-ccw-virtio-7.2", ["s390.ram"], GIB, [[0, GIB]]],
  ["pseries-7.2", ["ppc_spapr.ram"], GIB, [[0, GIB]]],
  // The user's own blocks: of NUMA nodes in the order of their numbers, whatever the list's.
  [
    "pc-q35-7.2",
    ["ram-node10", "ram-node2"],
    4 * GIB,
    [
      [0, 2 * GIB],
      [4 * GIB, 6 * GIB],
    ],
  ],
  ["pc-i440fx-2.2", ["/objects/mem1", "/objects/mem0"], 2 * GIB, [[0, 2 * GIB]]],
];

test.each(places)("%s: %j of %d bytes", (machine, names, total, ranges) => {
  const length = total / names.length;
  const blocks = [...names.map((name) => ({ name, length })), { name: "pc.rom", length: PAGE }];
  const last = length / PAGE - 1;
  const records = names.map((name, i): StreamRecord => ({ page: last, data: noise(i), block: name }));
  opened(buildMigration({ machine, blocks, parts: [records] }), ({ dump }) => {
    expect(dump.ranges.map(({ start, end }) => [start, end])).toEqual(ranges);
    const end = ranges.at(-1)?.[1] as number;
    const order = [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    expect(pageAt(dump, end - PAGE)).toEqual(Buffer.from(noise(names.indexOf(order.at(-1) as string))));
    expect(pageAt(dump, (ranges[0]?.[0] as number) + 5 * PAGE)).toEqual(Buffer.alloc(PAGE));
  });
});

test.each([
  ["memdimm0", 128],
  // virtio-mem's and virtio-pmem's, of any name; s390x has other paths.
  ["0000:00:03.0/vmem0", 128],
  ["fe.0.0001/virtiomem1", 128],
  ["0000:00:03.0/mine", 32768],
])("memory that was plugged in has an address that the stream does not tell: left out, and said: %s", (name, pages) => {
  const blocks = [
    { name: "pc.ram", length: 64 * PAGE },
    { name, length: pages * PAGE },
    // Memory of devices, which is no memory of the machine.
    ...["0000:00:02.0/vga.vram", "0000:00:02.0/qxl.vgavram", "0000:00:04.0/ivshmem", "/rom@etc/acpi/tables"].map(
      (other) => ({ name: other, length: 32768 * PAGE }),
    ),
  ];
  opened(buildMigration({ blocks, parts: [[{ page: 0, data: noise(1), block: name }]] }), ({ dump, warnings }) => {
    expect(dump.ranges).toEqual([{ start: 0, end: 64 * PAGE }]);
    expect(warnings.list).toMatchObject([{ code: "UNPLACED_MEMORY", count: 1 }]);
    expect(warnings.list[0]?.message).toContain(`${pages * PAGE} bytes of memory in block "${name}"`);
  });
});

describe("cut off", () => {
  const whole = buildMigration(
    small(
      [
        [
          { page: 0, data: noise(1) },
          { page: 1, data: noise(2) },
        ],
        [
          { page: 0, data: noise(3) },
          { page: 9, fill: 0 },
        ],
      ],
      {
        devices: [{ name: "timer", data: Buffer.alloc(20) }],
      },
    ),
  );
  const behindList = Buffer.from(whole).indexOf("vga.vram") + 16;

  test("anywhere: an error that says so; with salvage, the pages that came, and no zeros for those that did not", () => {
    for (let size = 8; size < whole.length; size += size % 4096 < 120 ? 1 : 97) {
      const bytes = whole.subarray(0, size);
      const error = failureOf(() => opened(bytes, () => undefined));
      expect(error).toMatchObject({ code: "TRUNCATED", file: path });
      if (size <= behindList) continue;
      opened(
        bytes,
        ({ dump, warnings }) => {
          expect(dump.header.incomplete).toBe(true);
          expect(warnings.list.map(({ code }) => code)).toEqual(["CUT_OFF"]);
          const first = pageAt(dump, 0);
          expect([noise(1), noise(3), Buffer.alloc(0)].some((page) => first.equals(page))).toBe(true);
          const { exists, data } = bitmapsOf(dump);
          expect(testBitIn(exists.bytes, 63)).toBe(true);
          for (let pfn = 0; pfn < 64; pfn++)
            expect(testBitIn(data.bytes, pfn)).toBe(pageAt(dump, pfn * PAGE).length > 0);
        },
        true,
      );
    }
  });

  test("behind the memory: all of it is there", () => {
    const at = Buffer.from(whole).indexOf("timer") + 12;
    opened(
      whole.subarray(0, at),
      ({ dump, warnings }) => {
        expect(pageAt(dump, 63 * PAGE)).toEqual(Buffer.alloc(PAGE));
        expect(warnings.list[0]?.message).toContain("the registers of its CPUs are lost");
      },
      true,
    );
  });
});

function bitmapsOf({ image }: Dump) {
  const stretches = stretchesOf(image);
  const bitmaps = { exists: sharedBitmap(stretches), data: sharedBitmap(stretches) };
  fillBitmaps(image, bitmaps);
  return bitmaps;
}

const word = (value: bigint) => new ByteBuffer("big").u64(value).toBytes();
const record = (value: number, ...behind: number[]): StreamRecord => ({ word: value, behind: Uint8Array.from(behind) });
const block = "\x06pc.ram";
const named = (flags: number, ...behind: number[]) => record(flags, ...Buffer.from(block), ...behind);

const hostile: readonly (readonly [string, StreamOptions, DumpErrorCode, RegExp])[] = [
  ["an older version", small([[]], { version: 2 }), "UNSUPPORTED", /version 2; version 3 is known/],
  ["memory of an older version", small([[]], { ramVersion: 2 }), "UNSUPPORTED", /version 2; versions 3 and 4/],
  [
    "a machine that nobody knows",
    small([[]], { machine: "integratorcp" }),
    "UNSUPPORTED",
    /machine "integratorcp", whose memory \("pc.ram"\)/,
  ],
  [
    "more memory than any machine has",
    { blocks: [{ name: "pc.ram", length: 2n ** 52n }], parts: [] },
    "LIMIT",
    /pages/,
  ],
  [
    "more memory than a small file is believed",
    { blocks: [{ name: "pc.ram", length: 2n ** 45n }], parts: [] },
    "LIMIT",
    /claims 8589934592 pages/,
  ],
  [
    "a block that is no whole pages",
    {
      blocks: [
        { name: "pc.ram", length: 6000 },
        { name: "pc.rom", length: 2192 },
      ],
      parts: [],
    },
    "CORRUPT",
    /a block "pc.ram" of 6000 bytes/,
  ],
  [
    "two blocks of one name",
    small([[]], { blocks: [0, 1].map(() => ({ name: "pc.ram", length: PAGE })) }),
    "CORRUPT",
    /two blocks "pc.ram"/,
  ],
  ["a second list", small([[record(4096 + 4)]]), "CORRUPT", /two lists/],
  ["flags that are none", small([[named(0x18)]]), "CORRUPT", /a record of memory with flags 0x18/],
  ["flags that came later", small([[record(0x400)]]), "CORRUPT", /flags 0x400/],
  ["RDMA", small([[record(0x80)]]), "UNSUPPORTED", /RDMA/],
  ["the same block, but there was none", small([[record(0x28)]]), "CORRUPT", /of no block/],
  ["a page behind its block", small([[{ page: 64, fill: 0 }]]), "CORRUPT", /a page at 0x40000 of pc.ram/],
  [
    "a page of no block of the list",
    small([[{ page: 0, fill: 0, block: "what" }]]),
    "CORRUPT",
    /block "what", which its list does not have/,
  ],
  ["a compressed page of gigabytes", small([[named(0x100, 0xff, 0xff, 0xff, 0xff)]]), "CORRUPT", /4294967295 bytes/],
  ["a change longer than a page", small([[named(0x40, 1, 0xff, 0xff)]]), "CORRUPT", /XBZRLE.* 65535 bytes/],
  ["mapped-ram of another page size", fixed(1, 8192n, 1000n, 65536n), "CORRUPT", /version 1, 8192 bytes each/],
  [
    "mapped-ram whose pages lie over their bitmap",
    fixed(1, 4096n, 65536n, 65536n),
    "CORRUPT",
    /pages of "pc.ram" at 65536, their bitmap at 65536/,
  ],
  ["mapped-ram far behind the end", fixed(1, 4096n, 1n << 40n, 1n << 41n), "TRUNCATED", /ends/],
  ["mapped-ram at no place at all", fixed(1, 4096n, 1n << 63n, 1n << 63n), "CORRUPT", /pages of "pc.ram"/],
];

/** A stream whose one block has a damaged head of mapped-ram. */
function fixed(version: number, size: bigint, bitmap: bigint, pages: bigint): StreamOptions {
  const head = Buffer.concat([new ByteBuffer("big").u32(version).toBytes(), ...[size, bitmap, pages].map(word)]);
  return small([[]], {
    capabilities: ["mapped-ram"],
    blocks: [],
    parts: [[{ word: 64 * PAGE + 4, behind: Buffer.concat([Buffer.from(block), word(BigInt(64 * PAGE)), head]) }]],
  });
}

test.each(hostile)("damage: %s", (_, options, code, says) => {
  const base = options.blocks.length > 0 ? buildMigration(options) : withoutList(options);
  const error = failureOf(() => opened(base, () => undefined));
  expect(error).toMatchObject({ code, file: path });
  expect(error.message).toMatch(says);
  expect(error.message).not.toContain("\n");
});

/** Without the empty list of blocks that the builder writes: the first record is to be another. */
function withoutList(options: StreamOptions): Uint8Array {
  const bytes = Buffer.from(buildMigration(options));
  const at = bytes.indexOf(Buffer.from("ram\0\0\0\0\0\0\0\x04", "latin1")) + 11;
  const end = bytes.indexOf(Buffer.from([0x7e, 0, 0, 0, 2, 3, 0, 0, 0, 2])) + 10;
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
}

test("damage in a page is that page's: others are read, and salvage passes over it", () => {
  const bytes = buildMigration(
    small([
      [
        { page: 0, data: noise(1) },
        named(0x1100, 0, 0, 0, 3, 1, 2, 3),
        named(0x2040, 1, 0, 3, 0xff, 0xff, 0x7f),
        { page: 3, data: noise(4) },
      ],
    ]),
  );
  const damaged = [1, 2].map((page) => failureOf(() => opened(bytes, ({ dump }) => pageAt(dump, page * PAGE))));
  expect(damaged.map(({ code, reason }) => [code, reason])).toEqual([
    ["CORRUPT", "has a compressed page that is not a zlib stream of a page"],
    ["CORRUPT", "has a changed page (XBZRLE) that goes beyond its page"],
  ]);
  opened(
    bytes,
    ({ dump }) => {
      expect([0, 1, 2, 3].map((page) => pageAt(dump, page * PAGE).length)).toEqual([PAGE, 0, 0, PAGE]);
    },
    true,
  );
});

test("more changes of a page than anybody would make are refused, before they are all read for it", () => {
  const changes: StreamRecord = { page: 0, changes: [[0, Buffer.from("x")]] };
  const stream = (count: number) => buildMigration(small([Array.from({ length: count }, () => changes)]));
  opened(stream(4096), ({ dump }) => expect(pageAt(dump, 0)[0]).toBe(0x78));
  expect(failureOf(() => opened(stream(4097), () => undefined))).toMatchObject({ code: "LIMIT" });
});
