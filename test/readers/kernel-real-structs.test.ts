import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { hasLibkdumpfile, readKernelMemory } from "../support/external-tools.js";
import { buildKernel } from "../support/kernel-image.js";

/** pfns of records of one kind in a dump's truth.txt: `kind index vaddr pfn`. */
function truePfns(text: string, kind: string): number[] {
  const records = text.split("\n").map((line) => line.split(/\s+/));
  return records.filter(([name]) => name === kind).map(([, , , pfn]) => Number.parseInt(pfn ?? "", 16));
}

interface Traits {
  readonly isHead: number;
  readonly onLru: number;
  readonly type: number;
  readonly anon: number;
  readonly order: number;
  readonly link: bigint;
}

/** What a filter reads of a huge page: two words of head and first tail, and the head's type. */
function traits(struct: Uint8Array, tail: Uint8Array, head: bigint): Traits {
  const first = new DataView(struct.buffer, struct.byteOffset, struct.length);
  const second = new DataView(tail.buffer, tail.byteOffset, tail.length);
  return {
    isHead: (first.getUint32(0, true) >>> 6) & 1,
    onLru: (first.getUint32(0, true) >>> 5) & 1,
    type: first.getInt32(48, true),
    anon: first.getUint8(24) & 1,
    order: second.getUint8(0),
    link: second.getBigUint64(8, true) - head,
  };
}

describeWithDumps("huge pages of a real 6.12 and of the builder look alike", () => {
  test.skipIf(!hasLibkdumpfile)("hugetlb and thp", async () => {
    const dump = await realDump("x86-6.12-tiny");
    const vmemmap = BigInt(`0x${/SYMBOL\(vmemmap\)=(\w+)/.exec(readFileSync(dump.vmcoreinfo, "utf8"))?.[1]}`);
    const truth = readFileSync(dump.truth, "utf8");
    const kernel = buildKernel({
      release: "6.12.0",
      pages: [
        { pfn: 512, kind: "hugetlb" },
        { pfn: 1024, kind: "thp" },
      ],
    });
    for (const [kind, built] of [
      ["huge", 512],
      ["thp_", 1024],
    ] as const) {
      const pfn = truePfns(truth, kind).find((one) => one % 512 === 0) ?? -1;
      const head = vmemmap + BigInt(pfn * 64);
      const [struct, tail] = readKernelMemory(dump.vmcore, [
        [head, 64],
        [head + 64n, 64],
      ]);
      const own = kernel.structPhysical(built) ?? 0;
      const address = kernel.structAddress(built);
      const wanted = traits(kernel.memory.read(own, 64), kernel.memory.read(own + 64, 64), address);
      const found = traits(struct ?? new Uint8Array(64), tail ?? new Uint8Array(64), head);
      // Private hugetlb mappings are anonymous, those of files are not: the builder makes the latter.
      const anon = kind === "huge" ? wanted.anon : found.anon;
      expect({ kind, ...wanted }).toEqual({ kind, ...found, anon });
    }
  });
});
