/**
 * The tables of docs/support-matrix.md that say how filtering was shown, out of the very lists that the tests run from:
 * real dumps (golden.test.ts, filter/real-machines.test.ts), built x86-64 kernels (filter/kernels.test.ts) and built
 * machines (filter/arch/machines.test.ts). `npm run matrix` writes them; support-matrix.test.ts compares.
 */
import { archOfUts } from "../../src/reader/machine.js";
import type { MachineCase } from "./arch/machine-image.js";
import { machines } from "./arch/machines.js";
import { type DumpFacts, furtherDumps, realDumps } from "./dumps-list.js";
import { kernelCases, newerReleases } from "./kernel/menagerie.js";
import { parseRelease } from "./kernel/release.js";
import { type TimelineCase, timeline } from "./kernel/timeline.js";
import { kernelsSeen } from "./kernels-seen.js";

const MODELS = {
  vmemmap: "sparsemem with vmemmap",
  extreme: "sparsemem, extreme",
  static: "sparsemem, static",
  flat: "flatmem",
  discontig: "discontigmem",
} as const;
type Model = keyof typeof MODELS;

const RANGES = [
  { name: "2.6.32 to 3.19", first: "2.6", end: "4.0" },
  { name: "4.0 to 4.20", first: "4.0", end: "5.0" },
  { name: "5.0 to 5.19", first: "5.0", end: "6.0" },
  { name: "6.0 to 6.8", first: "6.0", end: "6.9" },
  { name: "6.9 to 6.19", first: "6.9", end: "7.0" },
  { name: "7.0 and later", first: "7.0", end: "99.0" },
] as const;

const ARCHS = [
  ...["x86_64", "i386", "arm64", "arm", "s390x", "ppc64", "riscv64", "loongarch64", "mips64", "mips", "ppc32"],
  ...["sparc64", "ia64"],
];

/** One thing that a test shows. */
interface Proof {
  readonly arch: string;
  readonly model: Model;
  readonly release: string;
  readonly how: "real dump" | "built image";
  /** Page tables and page size, in words. */
  readonly space: string;
}

const DUMP_MODELS: Readonly<Record<DumpFacts["memoryModel"], Model>> = {
  vmemmap: "vmemmap",
  sparse: "extreme",
  static: "static",
  flat: "flat",
};
const MACHINE_MODELS: Readonly<Record<MachineCase["model"], Model>> = {
  vmemmap: "vmemmap",
  sparse: "extreme",
  static: "static",
  flat: "flat",
  discontig: "discontig",
};
const KERNEL_MODELS = {
  "sparse-vmemmap": "vmemmap",
  "sparse-extreme": "extreme",
  "sparse-static": "static",
  flatmem: "flat",
  discontig: "discontig",
} as const;

function proofs(): Proof[] {
  const built = { arch: "x86_64", how: "built image" } as const;
  return [
    ...[...realDumps, ...furtherDumps].map(
      ({ arch, memoryModel, kernel, name, pageSize }): Proof => ({
        ...{ arch, model: DUMP_MODELS[memoryModel], release: kernel, how: "real dump" },
        space: `${name}, pages of ${pageSize / 1024} KiB`,
      }),
    ),
    ...kernelsSeen.map(
      ({ arch, memoryModel, release, name, pageSize }): Proof => ({
        ...{ arch, model: memoryModel, release, how: "real dump", space: `${name}, pages of ${pageSize / 1024} KiB` },
      }),
    ),
    ...kernelCases.map(
      ([, { release, memoryModel, pageTableLevels }]): Proof => ({
        ...built,
        model: KERNEL_MODELS[memoryModel ?? "sparse-vmemmap"],
        release: release ?? "6.1.0",
        space: `${pageTableLevels ?? 4} levels`,
      }),
    ),
    ...newerReleases.map((release): Proof => ({ ...built, model: "vmemmap", release, space: "4 levels" })),
    ...machines.map(
      ({ machine, model, release, name }): Proof => ({
        ...{ arch: archOfUts(machine)?.arch ?? machine, model: MACHINE_MODELS[model], release: release ?? "6.12.0" },
        ...{ how: "built image", space: release === undefined ? name : "" },
      }),
    ),
  ];
}

const short = (release: string) => release.replace(/^(\d+\.\d+)\.0$/, "$1");

function releasesOf(list: readonly Proof[]): string {
  const releases = [...new Set(list.map(({ release }) => short(release)))];
  return releases.sort((a, b) => parseRelease(a).number - parseRelease(b).number).join(", ");
}

function cell(list: readonly Proof[]): string {
  const real = list.filter(({ how }) => how === "real dump");
  const built = list.filter(({ how }) => how === "built image");
  const parts = [
    ...(real.length > 0 ? [`**real dump**: ${releasesOf(real)}`] : []),
    ...(built.length > 0 ? [`built image: ${releasesOf(built)}`] : []),
  ];
  return parts.join("; ") || "not yet";
}

/** The generated part of docs/support-matrix.md. */
export function supportMatrix(): string {
  const all = proofs();
  const unknown = all.find(({ arch }) => !ARCHS.includes(arch));
  if (unknown !== undefined) throw new Error(`${unknown.arch} has no row`);
  const inRange = ({ release }: Proof, { first, end }: (typeof RANGES)[number]) =>
    parseRelease(release).number >= parseRelease(first).number &&
    parseRelease(release).number < parseRelease(end).number;
  const rows = ARCHS.flatMap((arch) =>
    (Object.keys(MODELS) as Model[]).flatMap((model) => {
      const own = all.filter((proof) => proof.arch === arch && proof.model === model);
      if (own.length === 0) return [];
      const cells = RANGES.map((range) => cell(own.filter((proof) => inRange(proof, range))));
      return [`| ${arch} | ${MODELS[model]} | ${cells.join(" | ")} |`];
    }),
  );
  const spaces = ARCHS.map((arch) => {
    const of = (how: Proof["how"]) =>
      [...new Set(all.filter((one) => one.arch === arch && one.how === how).map(({ space }) => space))]
        .filter((space) => space !== "")
        .map((space) => space.replace(new RegExp(`^${arch},? `), ""));
    return `| ${arch} | ${of("real dump").join("; ") || "not yet"} | ${of("built image").join("; ") || "not yet"} |`;
  });
  return [
    `| machine | memory model | ${RANGES.map(({ name }) => name).join(" | ")} |`,
    `|---|---|${RANGES.map(() => "---").join("|")}|`,
    ...rows,
    "",
    "Page tables, address and page sizes:",
    "",
    "| machine | real dumps | built images |",
    "|---|---|---|",
    ...spaces,
    "",
    ...changes(),
  ].join("\n");
}

function changes(): string[] {
  const name = (one: TimelineCase) => ("list" in one ? one.name : `${one.title} (${one.file})`);
  return [
    "Changes of the kernel that once broke filters, and the case that shows each read:",
    "",
    "| kernel | change | case |",
    "|---|---|---|",
    ...timeline.map(({ kernel, change, cases }) => `| ${kernel} | ${change} | ${cases.map(name).join("; ")} |`),
  ];
}

export const BEGIN = "<!-- made by `npm run matrix` out of the tests' own lists: do not edit -->";
export const END = "<!-- end of what is made -->";

/** The document with its generated part made anew. */
export function withMatrix(document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error("docs/support-matrix.md has no place for the tables");
  return `${document.slice(0, begin + BEGIN.length)}\n\n${supportMatrix()}\n\n${document.slice(end)}`;
}
