/** Saved states of virtual machines, built small. */
import { DumpError } from "../../src/errors.js";
import { KNOWN_FILES, knownFile } from "../../src/reader/known-files.js";
import { checkHead } from "../../src/reader/open-sources.js";
import { patternBytes } from "../../test/support/bytes.js";
import { buildLkcd } from "../../test/support/lkcd-image.js";
import {
  buildCloudHypervisorState,
  buildFirecrackerState,
  buildOldCloudHypervisorState,
} from "../../test/support/microvm-state.js";
import { buildMigration } from "../../test/support/migration-stream.js";
import { buildS390Dump, s390Segments } from "../../test/support/s390-dump.js";
import { buildSadump } from "../../test/support/sadump-image.js";
import { buildSave } from "../../test/support/save-file.js";
import { buildVmwareGuest, buildVmwareState, type VmwareCpu } from "../../test/support/vmware-image.js";
import { buildXenCore, xenContext } from "../../test/support/xen-core.js";
import { asFile } from "../files.js";
import { lookAtFiles } from "../look.js";
import type { FuzzTarget } from "../target.js";

const DIMM =
  "<domain><memory model='dimm'><size unit='KiB'>16</size><address type='dimm' slot='0' base='0x100000000'/></memory></domain>";
const memory = patternBytes("memory ", 8 * 4096);
const cpu: VmwareCpu = {
  registers: { rax: 1n, rip: 0xffff_ffff_8100_0000n, rsp: 0xffff_c900_0000_0000n, gs_base: 0xffff_8880_0000_0000n },
  ...{ cr0: 0x8005_0033n, cr2: 0n, cr3: 0x1000n, cr4: 0x3506f0n, idt: 0xffff_fe00_0000_0000n },
};
const regions = [
  { ppn: 0, page: 0, pages: 5 },
  { ppn: 0x10_0000, page: 5, pages: 3 },
];

/** Memory in the file, or beside it. */
const vmwareTarget: FuzzTarget = {
  name: "vmware",
  seeds: () => [
    buildVmwareState({ cpus: [cpu, cpu], regions }),
    buildVmwareState({ cpus: [cpu], regions, memory: memory.subarray(0, 8 * 4096), blocks: true, pad: 3 }),
    buildVmwareState({ cpus: [cpu], memory: memory.subarray(0, 4096), id: 0xbed2bed0 }),
  ],
  run(input) {
    asFile("guest.vmem", memory);
    lookAtFiles([asFile("guest.vmss", input)]);
  },
};

const guestTarget: FuzzTarget = {
  name: "vmware-guest",
  seeds: () => {
    const pieces = [
      { start: 0, data: memory.subarray(0, 5 * 4096) },
      { start: 0x1_0000_0000, data: memory.subarray(5 * 4096) },
    ];
    return ([1, 3, 4, 6, 7] as const).map((version) => buildVmwareGuest({ version, cpus: [cpu], memory: pieces }));
  },
  run(input) {
    asFile("debug.vmem", memory);
    lookAtFiles([asFile("debug.guest", input)]);
  },
};

const ranges = [
  { start: 0, length: 5 * 4096 },
  { start: 0x1_0000_0000, length: 3 * 4096 },
];

/** Of both the same memory file. */
const microvmTarget: FuzzTarget = {
  name: "microvm",
  seeds: () => [
    buildFirecrackerState(ranges),
    buildFirecrackerState(ranges, { kind: "pairs", arch: "arm64" }),
    buildFirecrackerState([], { kind: "packed" }),
    ...(["object", "text", "json bytes", "plain bytes"] as const).map((form) =>
      buildCloudHypervisorState(ranges, form),
    ),
    buildOldCloudHypervisorState(ranges),
  ],
  run(input) {
    asFile("memory-ranges", memory);
    const path = asFile("state.json", input);
    lookAtFiles(input[0] === 0x7b ? [path] : [path, asFile("memory", memory)]);
  },
};

const xenTarget: FuzzTarget = {
  name: "xen",
  seeds: () => {
    const pieces = [
      { start: 0, data: memory.subarray(0, 5 * 4096) },
      { start: 0x1_0000_0000, data: memory.subarray(5 * 4096) },
    ];
    const context = xenContext({ rip: 0xffff_ffff_8100_0000n, rsp: 0xffff_c900_0000_0000n, cr3: 0x1000n });
    return [
      buildXenCore({ pieces, contexts: [context], order: (i, n) => n - 1 - i }),
      buildXenCore({ pieces: pieces.slice(0, 1), absent: new Set([2]) }),
      buildXenCore({ pieces: pieces.slice(1), index: ".xen_p2m" }),
      buildXenCore({ pieces, index: ".xen_p2m", frameOf: (pfn) => 0x5000 - (pfn % 0xfff0), contexts: [context] }),
    ];
  },
  run(input) {
    lookAtFiles([asFile("core", input)]);
  },
};

const s390Target: FuzzTarget = {
  name: "s390-dump",
  seeds: () => [
    buildS390Dump({ memory: memory.subarray(0, 6 * 4096), prefixes: [0, 0x2000] }),
    buildS390Dump({ memory: memory.subarray(0, 4096), start: 0x10_0000, end: "none" }),
    buildS390Dump({
      memory: s390Segments(
        [
          { start: 0, data: memory.subarray(0, 4096) },
          { start: 3 * 4096, data: memory.subarray(0, 2 * 4096) },
        ],
        true,
      ),
      ...{ claimed: 8 * 4096, extended: true, prefixes: [0] },
    }),
    buildS390Dump({
      memory: s390Segments([{ start: 4096, data: memory }], true),
      claimed: 2 ** 33,
      extended: true,
      volume: 0,
    }),
  ],
  run(input) {
    lookAtFiles([asFile("dump", input)]);
    lookAtFiles([asFile("dump", input), asFile("other", buildS390Dump({ memory, volume: 1, claimed: memory.length }))]);
  },
};

const sadumpTarget: FuzzTarget = {
  name: "sadump",
  seeds: () => {
    const pieces = [
      { start: 0x1000, data: Buffer.concat([memory.subarray(0, 2 * 4096), Buffer.alloc(4096)]) },
      { start: 0x10_0000, data: memory.subarray(0, 3 * 4096) },
    ];
    const [first] = buildSadump({ pieces, disks: [2] }) as [Buffer];
    return [...buildSadump({ pieces, cpus: [cpu, cpu] }), ...buildSadump({ pieces, version: 0 }), first];
  },
  run(input) {
    const [, second] = buildSadump({ pieces: [{ start: 0x10_0000, data: memory }], disks: [2] }) as [Buffer, Buffer];
    const path = asFile("dump", input);
    lookAtFiles(input[152] === 0 ? [path] : [path, asFile("second", second)]);
  },
};

const lkcdTarget: FuzzTarget = {
  name: "lkcd",
  seeds: () => {
    const pieces = [{ start: 0x3000, data: Buffer.concat([memory.subarray(0, 3 * 4096), Buffer.alloc(4096)]) }];
    return [
      ...(["none", "rle", "gzip"] as const).map((packing) => buildLkcd({ pieces, packing })),
      buildLkcd({ pieces, version: 9, byteOrder: "big", machine: "s390x", noEnd: true }),
      buildLkcd({ pieces, version: 1, packing: "rle", wordSize: 4, machine: "i686" }),
      buildLkcd({ pieces, version: 7 }),
    ];
  },
  run(input) {
    lookAtFiles([asFile("dump", input)]);
  },
};

const saveTarget: FuzzTarget = {
  name: "libvirt-save",
  seeds: () => {
    const stream = buildMigration({
      blocks: [{ name: "pc.ram", length: 16 * 4096 }],
      parts: [[{ page: 9, data: memory.subarray(0, 4096) }]],
    });
    return [
      buildSave(stream, { room: 200 }),
      buildSave(stream, { room: 400, xml: DIMM }),
      buildSave(stream, { room: 200, order: "big", version: 1 }),
      buildSave(Buffer.concat([Buffer.alloc(100), stream]), { room: 200, format: 6 }),
      buildSave(stream, { room: 200, magic: "LibvirtQemudPart" }),
    ];
  },
  run(input) {
    lookAtFiles([asFile("save", input)]);
  },
};

/** Whatever a file begins with, it is called by one name or none. */
const knownTarget: FuzzTarget = {
  name: "known-files",
  seeds: () =>
    KNOWN_FILES.filter((_, i) => i % 4 === 0).map(({ marks }) => {
      const bytes = Buffer.alloc(Math.min(9000, Math.max(...marks.map(([at, mark]) => at + mark.length))));
      for (const [at, mark] of marks) if (at + mark.length <= bytes.length) bytes.write(mark, at, "latin1");
      return bytes;
    }),
  run(input) {
    const found = knownFile(input);
    if (found !== undefined && (found.name === "" || found.cure === ""))
      throw new Error("a file without a name or cure");
    try {
      checkHead(input, "file");
    } catch (error) {
      if (!(error instanceof DumpError)) throw error;
      if (error.code !== "NOT_A_DUMP") throw error;
    }
  },
};

export const machineStateTargets: readonly FuzzTarget[] = [
  ...[vmwareTarget, guestTarget, microvmTarget, xenTarget, s390Target, sadumpTarget, lkcdTarget],
  ...[saveTarget, knownTarget],
];
