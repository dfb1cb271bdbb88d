/** Dump files of every format, built small. */

import { framesNote } from "../../src/reader/frames.js";
import { parseRawPieces } from "../../src/reader/raw/pieces.js";
import { patternBytes } from "../../test/support/bytes.js";
import { ALL_ONES, buildElf } from "../../test/support/elf-image.js";
import { flatten } from "../../test/support/flattened-image.js";
import { buildKdump, type KdumpOptions, type KdumpPage } from "../../test/support/kdump-image.js";
import { buildMigration, type StreamOptions } from "../../test/support/migration-stream.js";
import { prstatusNote, qemuNote, vmcoreinfoNote } from "../../test/support/notes.js";
import { buildQcow2 } from "../../test/support/qcow2-image.js";
import { buildAvml, buildLime } from "../../test/support/raw-image.js";
import { asFile } from "../files.js";
import { lookAtFiles } from "../look.js";
import type { FuzzTarget } from "../target.js";

const INFO =
  "OSRELEASE=6.1.0-synthetic\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff81001000\nSYMBOL(swapper_pg_dir)=ffffffff81002000\nNUMBER(phys_base)=0\nSIZE(page)=64\nCRASHTIME=1700000000\n";
const notes = [prstatusNote(1), vmcoreinfoNote(INFO)];
const page = (name: string) => patternBytes(name, 4096);
const pages = new Map<number, KdumpPage>(
  (["raw", "zlib", "lzo", "snappy", "zero", "zstd"] as const).map((codec, i) => [
    i + (i > 3 ? 5 : 0),
    { codec, data: codec === "raw" ? page(codec).subarray(0, 4096) : new Uint8Array(4096).fill(i) },
  ]),
);
const load = (i: number, size = 600) => ({ paddr: i * 8192, data: page(`${i} `).subarray(0, size), memsz: 8192 });

export const kdumps: readonly KdumpOptions[] = [
  { pages, notes, eraseinfo: "erase x\n" },
  { pages, version: 5, vmcoreinfo: INFO, singleBitmap: true },
  { pages, version: 1 },
  { pages, version: 3, vmcoreinfo: INFO },
  { pages, wordSize: 4, packed32: true, utsname: { machine: "i686" }, vmcoreinfo: "PAGESIZE=4096\n" },
  { pages, wordSize: 4, utsname: { machine: "armv7l" }, physBase: 0x8000_0000, vmcoreinfo: "PAGESIZE=4096\n" },
  { pages, byteOrder: "big", utsname: { machine: "s390x" }, notes },
];

export const elfs: readonly Uint8Array[] = [
  buildElf({ notes, loads: [load(0), load(1), load(2, 4096)] }),
  buildElf({
    notes: [...notes, qemuNote()],
    sectionHeaderFirst: true,
    extendedNumbering: true,
    loads: [load(0), load(4)],
  }),
  buildElf({ class: 32, machine: 3, notes, loads: [load(1), load(1), load(7)] }),
  buildElf({ byteOrder: "big", machine: 22, notes: [vmcoreinfoNote(INFO)], noteLast: true, loads: [load(0), load(3)] }),
  // /proc/kcore: the note of its reader, offsets that are addresses, memory without a physical address.
  buildElf({
    notes: [prstatusNote(7), { name: "CORE", type: 4, desc: new Uint8Array(64) }, vmcoreinfoNote(INFO)],
    loads: [
      { ...load(0), vaddr: 0xffff_ffff_8100_0000n, paddr: ALL_ONES },
      { ...load(1, 4096), vaddr: 0xffff_8880_0000_2000n },
      { ...load(2, 4096), vaddr: 0xffff_8880_0000_4000n },
    ],
  }),
  buildElf({
    rawNotes: framesNote([
      { frame: 7, pfn: 0, count: 3 },
      { frame: 2, pfn: 3, count: 9 },
    ]) as Uint8Array,
    loads: [load(0), load(3)],
  }),
  buildElf({ rawNotes: new Uint8Array(40), loads: [load(0), { ...load(1), vaddr: 0xffff_8880_0000_2000n }] }),
];

const elfTarget: FuzzTarget = {
  name: "elf",
  reach: 700,
  seeds: () => elfs,
  run: (input) => lookAtFiles([asFile("elf", input)]),
};

const kdumpTarget: FuzzTarget = {
  name: "kdump",
  reach: 13_000,
  seeds: () => [
    ...kdumps.map(buildKdump),
    buildKdump({ ...(kdumps[0] as KdumpOptions), version: 1, header: { signature: "DISKDUMP" } }),
  ],
  run: (input) => lookAtFiles([asFile("kdump", input)]),
};

const flattenedTarget: FuzzTarget = {
  name: "flattened",
  seeds: () => [
    flatten(elfs[0] as Uint8Array, { recordSize: 700 }),
    flatten(elfs[1] as Uint8Array, { recordSize: 500, order: "shuffled", overlap: 20 }),
    flatten(buildKdump(kdumps[1] as KdumpOptions), { recordSize: 4096, dropZeroRuns: 512, staleFirst: true }),
    flatten(elfs[2] as Uint8Array, { endMarker: false }),
  ],
  run: (input) => lookAtFiles([asFile("flattened", input)]),
};

/** Two files: the length of the first in 4 bytes, then both. */
const splitTarget: FuzzTarget = {
  name: "split",
  seeds: () =>
    [kdumps[0], kdumps[5], kdumps[6]].map((options) => {
      const part = (startPfn: number, endPfn: number) =>
        buildKdump({ ...(options as KdumpOptions), split: { startPfn, endPfn } });
      const [one, two] = [part(0, 4), part(4, 64)];
      const length = Buffer.alloc(4);
      length.writeUInt32LE(one.length);
      return new Uint8Array(Buffer.concat([length, one, two]));
    }),
  run(input) {
    const length = input.length < 4 ? 0 : Buffer.from(input.subarray(0, 4)).readUInt32LE();
    const paths = [asFile("part1", input.subarray(4, 4 + length)), asFile("part2", input.subarray(4 + length))];
    lookAtFiles(paths);
    lookAtFiles(paths.toReversed());
  },
};

const piece = (start: number, size: number) => ({ start, data: page(`${start} `).subarray(0, size) });

const limeTarget: FuzzTarget = {
  name: "lime",
  reach: 4300,
  seeds: () => [
    buildLime([piece(0, 4096), piece(0x10_0000, 2000)]),
    buildLime([piece(0, 300), piece(4096, 300), piece(0x1_0000_0000, 300)], "big"),
  ],
  run: (input) => lookAtFiles([asFile("lime", input)]),
};

const avmlTarget: FuzzTarget = {
  name: "avml",
  seeds: () => [
    buildAvml([piece(0, 4096), piece(0x10_0000, 2000)], { chunk: 1024, mixed: true }),
    buildAvml([piece(0, 4096)]),
    new Uint8Array(Buffer.concat([buildAvml([piece(0, 600)]), buildLime([piece(8192, 100)])])),
  ],
  run: (input) => lookAtFiles([asFile("avml", input)]),
};

const vga = { name: "0000:00:02.0/vga.vram", length: 4096 };
const field = (name: string, size: number, more: object = {}) => ({ name, type: "uint64", size, ...more });

/** Streams of each kind of record, and with a description of devices. */
export const migrations: readonly StreamOptions[] = [
  {
    blocks: [{ name: "pc.ram", length: 8 * 4096 }, vga],
    parts: [
      [
        { page: 0, data: page("plain") },
        { page: 1, data: page("zlib"), as: "zlib" },
        { page: 0, fill: 1, block: vga.name },
      ],
      [
        { page: 2, fill: 7, block: "pc.ram" },
        { page: 0, changes: [[5, page("new").subarray(0, 40)]] },
        { flush: true },
      ],
    ],
    capabilities: ["xbzrle", "postcopy-ram"],
    beside: Buffer.from([1, 2, 3]),
    devices: [
      { name: "cpu", version: 12, data: Buffer.alloc(8 * 19 + 2, 3) },
      { name: "mc146818rtc", version: 3, data: Buffer.alloc(128, 0) },
    ],
    description: {
      page_size: 4096,
      devices: [
        {
          ...{ name: "cpu", instance_id: 0, vmsd_name: "cpu", version: 12 },
          fields: [
            field("env.regs", 8, { array_len: 16 }),
            field("env.segs", 4, { array_len: 2, struct: { vmsd_name: "segment", fields: [field("selector", 4)] } }),
            field("env.eip", 8, { index: 0 }),
          ],
          subsections: [],
        },
        {
          ...{ name: "mc146818rtc", instance_id: 0, vmsd_name: "mc146818rtc", version: 3 },
          fields: [field("cmos_data", 1, { array_len: 128 })],
        },
      ],
    },
  },
  {
    machine: "virt",
    blocks: [{ name: "mach-virt.ram", length: 1 << 20 }],
    capabilities: ["mapped-ram"],
    parts: [[]],
    stored: new Map([["mach-virt.ram", new Map([[1, page("stored")]])]]),
  },
  {
    machine: "",
    footers: false,
    ramVersion: 3,
    blocks: [{ name: "s390.ram", length: 1 << 20 }],
    parts: [[{ page: 3, fill: 0 }]],
  },
];

const migrationTarget: FuzzTarget = {
  name: "migration",
  seeds: () => [...migrations.map(buildMigration), virtioMem()],
  run: (input) => lookAtFiles([asFile("migration", input)]),
};

/** With a virtio-mem device: 4 pages from 4 GiB on, in units of a page, 3 of them plugged in. */
function virtioMem(): Uint8Array {
  const early = Buffer.alloc(44);
  early.writeBigUInt64BE(0x1_0000_0000n, 0);
  early.writeBigUInt64BE(4n * 4096n, 8);
  early.writeBigUInt64BE(4096n, 16);
  early.writeBigUInt64BE(3n * 4096n, 28);
  early.writeBigUInt64BE(0b1011n, 36);
  const block = "0000:00:03.0/vmem0";
  return buildMigration({
    blocks: [
      { name: "pc.ram", length: 4 * 4096 },
      { name: block, length: 4 * 4096 },
    ],
    parts: [[{ page: 1, data: page("vmem"), block }]],
    early: [{ name: "0000:00:03.0/virtio-mem-device-early", data: early }],
  });
}

/** Machines saved in disk images, of both kinds of tables, and of two snapshots. */
const qcow2Target: FuzzTarget = {
  name: "qcow2",
  seeds: () => {
    const state = buildMigration(migrations[2] as StreamOptions);
    return [
      buildQcow2({ clusterBits: 9, diskSize: 4096, snapshots: [{ name: "a", state }] }),
      buildQcow2({
        clusterBits: 10,
        extended: true,
        version: 3,
        snapshots: [
          { name: "a", state },
          { name: "b", state },
        ],
      }),
      buildQcow2({
        clusterBits: 9,
        version: 2,
        snapshots: [{ name: "a", state: buildMigration(migrations[0] as StreamOptions) }],
      }),
    ];
  },
  run: (input) => lookAtFiles([asFile("qcow2", input)]),
};

/** A line with the value of --raw, then the memory. */
const rawTarget: FuzzTarget = {
  name: "raw",
  reach: 40,
  text: true,
  seeds: () =>
    ["0\n", "0-1K,4K-\n", "0x1000-0x1400,1G\n"].map((head) => Buffer.concat([Buffer.from(head), page("raw")])),
  run(input) {
    const end = Math.max(0, input.indexOf(10));
    const raw = parseRawPieces(Buffer.from(input.subarray(0, end)).toString("latin1"));
    lookAtFiles([asFile("raw", input.subarray(end + 1))], { raw });
  },
};

export const dumpFileTargets: readonly FuzzTarget[] = [
  elfTarget,
  kdumpTarget,
  flattenedTarget,
  splitTarget,
  limeTarget,
  avmlTarget,
  rawTarget,
  migrationTarget,
  qcow2Target,
];
