/** Built kernels of all architectures, opened once, with the words that the program reads of each. */

import { completeWithKernel } from "../src/kernel/complete-dump.js";
import { attachSpace, kernelView } from "../src/kernel/kernel-view.js";
import type { Dump } from "../src/reader/dump.js";
import { openDump } from "../src/reader/open.js";
import { Warnings } from "../src/warnings.js";
import { machineElf } from "../test/support/arch/machine-image.js";
import { machines } from "../test/support/arch/machines.js";
import { arm64 } from "../test/support/kernel/arch-arm64.js";
import { privateKernel } from "../test/support/kernel/private-kernel.js";
import { toElf } from "../test/support/kernel-dump.js";
import { buildKernel, type KernelOptions, MiB } from "../test/support/kernel-image.js";
import { asFile } from "./files.js";
import { type Places, placesRead } from "./patched-memory.js";
import { useKernel } from "./use-kernel.js";

export interface FuzzKernel {
  readonly name: string;
  readonly dump: Dump;
  /** VMCOREINFO. */
  readonly text: string;
  readonly places: Places;
}

const pages: NonNullable<KernelOptions["pages"]> = [
  { pfn: 64, kind: "anon", count: 8 },
  { pfn: 128, kind: "free", order: 4 },
  { pfn: 256, kind: "free", order: 2 },
];

const makers: readonly (readonly [name: string, make: () => Uint8Array])[] = [
  ["x86-64 6.12", () => toElf(privateKernel({ release: "6.12.0", pages }))],
  ["x86-64 6.1", () => toElf(buildKernel({ memory: 24 * MiB, pages }))],
  [
    "x86-64 4.4 sparse",
    () => toElf(buildKernel({ release: "4.4.0", memory: 24 * MiB, memoryModel: "sparse-extreme", pages })),
  ],
  [
    "x86-64 2.6.32 discontig",
    () => toElf(buildKernel({ release: "2.6.32", memory: 24 * MiB, memoryModel: "discontig", pages })),
  ],
  [
    "x86-64 3.10 flat",
    () => toElf(buildKernel({ release: "3.10.0", memory: 24 * MiB, memoryModel: "flatmem", pages })),
  ],
  ["arm64 6.1", () => toElf(buildKernel({ arch: arm64, pages }))],
  ...machines
    .filter(({ release }) => release === undefined)
    .map((machine) => [machine.name, () => machineElf(machine)] as const),
];

export const KERNELS = makers.length;
const opened = new Map<number, FuzzKernel>();

/** The kernel of a number: built when first asked for. */
export function fuzzKernel(number: number): FuzzKernel {
  const index = number % KERNELS;
  const known = opened.get(index);
  if (known !== undefined) return known;
  const [name, make] = makers[index] as (typeof makers)[number];
  const path = asFile(`kernel${index}`, make());
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  const text = dump.vmcoreinfo?.text ?? "";
  const { wordSize, littleEndian } = dump.machine;
  const places = placesRead(dump.memory, wordSize, littleEndian, (memory) => useKernel({ ...dump, memory }));
  const made = { name, dump, text, places };
  opened.set(index, made);
  return made;
}

/** Its address space, untouched. */
export function spaceImage({ dump }: FuzzKernel) {
  const view = kernelView(dump, new Warnings());
  return { image: view.space, space: attachSpace(view.space, dump.memory) };
}
