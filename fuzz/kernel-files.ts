/** Dumps of kernels as ELF files, with the places that are worth damage: built ones, and those that a campaign was given. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dropFreeLists } from "../src/filter/free-lists.js";
import { initialPlan } from "../src/filter/plan.js";
import { policyOfLevel } from "../src/filter/policy.js";
import { privacyView } from "../src/filter/privacy/privacy-view.js";
import { selfCheck } from "../src/filter/self-check/self-check.js";
import { completeWithKernel } from "../src/kernel/complete-dump.js";
import { findSymbols, findTypes } from "../src/kernel/debuginfo/memory-debuginfo.js";
import { attachSpace, kernelView, viewMemory } from "../src/kernel/kernel-view.js";
import { logOfKernel } from "../src/kernel/log/read-log.js";
import type { Dump } from "../src/reader/dump.js";
import { openDump } from "../src/reader/open.js";
import type { PhysicalMemory } from "../src/reader/physical-memory.js";
import { Warnings } from "../src/warnings.js";
import { arm64 } from "../test/support/kernel/arch-arm64.js";
import { privateKernel } from "../test/support/kernel/private-kernel.js";
import { toElf } from "../test/support/kernel-dump.js";
import { buildKernel, type KernelOptions, MiB } from "../test/support/kernel-image.js";
import { folder } from "./files.js";
import { attempt } from "./look.js";
import { type Places, placesRead } from "./patched-memory.js";
import { take } from "./values.js";

export interface KernelFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it has what --privacy asks of a kernel. */
  readonly privacy: boolean;
  /** Where the file has a word of physical memory: segments may overlap. */
  offsets(paddr: number): number[];
  word(paddr: number | undefined, offset: number): bigint;
  readonly structs: {
    readonly count: number;
    readonly size: number;
    address(index: number): bigint;
    paddr(index: number): number | undefined;
  };
  /** VMCOREINFO. */
  readonly text: { readonly at: number; readonly length: number };
  /** Words read for the view of the kernel; for its log; for free lists and checks; for symbols and types. */
  readonly groups: readonly Places[];
}

const pages: NonNullable<KernelOptions["pages"]> = [
  { pfn: 64, kind: "anon", count: 8 },
  { pfn: 128, kind: "free", order: 4 },
  { pfn: 160, kind: "free", order: 2 },
];
/** The first MiB, and what the kernel takes: small dumps make many runs. */
const memory = [
  { start: 0, end: MiB },
  { start: 16 * MiB, end: 22 * MiB },
];

const built: readonly (() => Uint8Array)[] = [
  () => toElf(buildKernel({ memory, pages })),
  () => toElf(privateKernel({ release: "6.12.0", memory, pages })),
  () => toElf(buildKernel({ release: "4.4.0", memory, memoryModel: "sparse-extreme", pages })),
  () => toElf(buildKernel({ release: "2.6.32", memory: 22 * MiB, memoryModel: "discontig", pages })),
  () => toElf(buildKernel({ release: "3.10.0", memory, memoryModel: "flatmem", pages })),
  () => toElf(buildKernel({ arch: arm64, pages })),
];

/** ELF dumps of 64-bit kernels, little-endian: `npm run fuzz -- --dump FILE`. */
const { CORESIEVE_FUZZ_DUMPS = "[]" } = process.env;
const given = JSON.parse(CORESIEVE_FUZZ_DUMPS) as readonly string[];
const makers = [...built, ...given.map((path) => () => new Uint8Array(readFileSync(path)))];
const made = new Map<number, KernelFile>();

export function kernelFiles(): number {
  return makers.length;
}

/** The kernel of a number: made when first asked for. */
export function kernelFile(number: number): KernelFile {
  const index = number % makers.length;
  const known = made.get(index);
  if (known !== undefined) return known;
  const bytes = (makers[index] as () => Uint8Array)();
  const path = join(folder, `structs${index}`);
  writeFileSync(path, bytes);
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  try {
    const file = describe(path, bytes, dump);
    made.set(index, file);
    return file;
  } finally {
    dump.close();
  }
}

function describe(path: string, bytes: Uint8Array, dump: Dump): KernelFile {
  const loads = loadsOf(bytes);
  const offsets = (paddr: number) =>
    loads
      .filter(({ start, size }) => paddr >= start && paddr < start + size)
      .map((load) => load.at + paddr - load.start);
  const view = kernelView(dump, new Warnings());
  const space = attachSpace(view.space, dump.memory);
  const { memMap, layout } = view;
  // Structs of the pages that are in the dump: others are read by chance only.
  const pfns: { readonly address: bigint }[] = [];
  for (let i = 0; i < memMap.count; i++) {
    const [start, end] = [memMap.startPfn[i] as number, memMap.endPfn[i] as number];
    for (let pfn = start; pfn < end && pfns.length < 65_536; pfn++) {
      if (offsets(pfn * dump.pageSize).length === 0) continue;
      pfns.push({ address: (memMap.address[i] as bigint) + BigInt((pfn - start) * layout.size) });
    }
  }
  const address = (index: number) => (pfns[index] as (typeof pfns)[number]).address;
  const text = dump.vmcoreinfo?.text ?? "";
  return {
    path,
    bytes,
    privacy: attempt(() => privacyView(dump, view)) !== undefined,
    offsets,
    word(paddr, offset) {
      const at = paddr === undefined ? undefined : offsets(paddr + offset)[0];
      return at === undefined ? 0n : take(bytes, at, 8, true);
    },
    structs: { count: pfns.length, size: layout.size, address, paddr: (i) => space.translate(address(i))?.paddr },
    text: { at: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text), length: text.length },
    groups: placesOf(dump),
  };
}

function placesOf(dump: Dump): Places[] {
  const plain = kernelView(dump, new Warnings());
  const reading = (use: (dump: Dump) => void) =>
    placesRead(dump.memory, 8, true, (memory: PhysicalMemory) => use({ ...dump, memory }));
  return [
    reading((other) => kernelView(other, new Warnings())),
    reading((other) => logOfKernel(other)),
    reading((other) => {
      const plan = initialPlan(other, plain);
      attempt(() => selfCheck(other, plain, policyOfLevel(31), plan, new Warnings()));
      attempt(() => dropFreeLists(other, plain, plan, new Warnings()));
    }),
    reading((other) => {
      attempt(() => privacyView(other, plain));
      const kernel = viewMemory(other, plain);
      if (kernel !== undefined) attempt(() => findTypes(kernel, findSymbols(kernel)));
    }),
  ];
}

/** The PT_LOADs of a 64-bit little-endian ELF file. */
function loadsOf(bytes: Uint8Array): { readonly start: number; readonly size: number; readonly at: number }[] {
  const number = (at: number, size: number) => Number(take(bytes, at, size, true));
  const [table, count] = [number(32, 8), number(56, 2)];
  return Array.from({ length: count }, (_, i) => table + 56 * i)
    .filter((at) => number(at, 4) === 1)
    .map((at) => ({ start: number(at + 24, 8), size: number(at + 32, 8), at: number(at + 8, 8) }));
}
