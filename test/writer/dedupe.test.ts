/** --dedupe: equal pages share one copy in the file, and nothing else changes. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { CODEC_NAMES } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { readPages } from "../../src/reader/physical-memory.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { noiseBytes, patternBytes } from "../support/bytes.js";
import { compareKdumpWithElf, isRight } from "../support/compare-pages.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, filterFlattened, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { openElf } from "../support/other-elf.js";

const folder = temporaryFolder();
const [input, plain, output] = ["input", "plain", "output"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const threads = new WorkerThreads(2);
afterAll(() => threads.destroy());

/** How many of an output's pages are equal to one before them; pages of zeros are left out where they share one anyway. */
function repeatedPages(kdump: string, elfPath: string, withZeros: boolean): number {
  const elf = openElf(elfPath);
  const seen = new Set<string>();
  let repeated = 0;
  for (const pfn of bitmapPfns(readKdumpBitmap2(kdump))) {
    const page = elf.page(pfn, 4096) as Buffer;
    if (!withZeros && !page.some((byte) => byte !== 0)) continue;
    const before = seen.size;
    seen.add(createHash("sha256").update(page).digest("base64"));
    if (seen.size === before) repeated++;
  }
  elf.close();
  return repeated;
}

/** What our own reader makes of every page that the file has. */
function ownPages(path: string): string {
  const dump = openDump(path, new Warnings());
  const page = new Uint8Array(dump.pageSize);
  const hash = createHash("sha256");
  for (const pfn of bitmapPfns(readKdumpBitmap2(path))) {
    readPages(dump.memory, pfn * dump.pageSize, page);
    hash.update(page);
  }
  dump.close();
  return hash.digest("hex");
}

const kinds = [
  noiseBytes(1, 4096),
  noiseBytes(2, 4096),
  patternBytes("the same words ", 4096),
  new Uint8Array(4096).fill(0x6b),
  new Uint8Array(4096),
  // Like others but for one bit, at both ends.
  patternBytes("the same words ", 4096).map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
  noiseBytes(1, 4096).map((byte, i) => (i === 4095 ? byte ^ 128 : byte)),
];
const kernelOf = (contents: readonly number[]) =>
  buildKernel({
    memory: 24 * MiB,
    kernelOffset: 0,
    pages: contents.map((kind, i) => ({ pfn: 64 + i, kind: "kernel", content: kinds[kind] as Uint8Array })),
  });

test("any pages: each repeated one is shared, the file is smaller by just their bytes, and all read back the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(kinds.length - 1), { minLength: 1, maxLength: 700 }),
      fc.constantFrom(...CODEC_NAMES),
      fc.constantFrom(0, 1, 31),
      async (contents, codec, level) => {
        writeElf(input, kernelOf(contents));
        const options = { codec, level, workers: threads };
        const without = await filterFile(input, plain, options);
        const { shared, ...result } = await filterFile(input, output, { ...options, dedupe: true });
        expect(without.shared).toBeUndefined();
        expect(shared?.pages).toBe(repeatedPages(output, input, (level & 1) === 0));
        expect(result.outputBytes).toBe(without.outputBytes - (shared?.bytes ?? 0));
        expect(statSync(output).size).toBe(result.outputBytes);
        expect(result.classes).toEqual(without.classes);
        expect(compareKdumpWithElf(output, input)).toSatisfy(isRight);
        expect(ownPages(output)).toBe(ownPages(plain));
      },
    ),
    { numRuns: 6 },
  );
});

test("ELF has no such thing", async () => {
  writeElf(input, kernelOf([1, 1]));
  await expect(filterFile(input, output, { format: "elf", dedupe: true })).rejects.toMatchObject({
    code: "BAD_OPTION",
  });
});

describeWithDumps("real dumps", () => {
  test.each([
    ...CODEC_NAMES.map((codec) => ["tiny-x86-6.1", 0, codec] as const),
    ["tiny-x86-6.1", 1, "none"],
    ["x86-6.12-tiny", 31, "lzo"],
  ] as const)("%s, level %i, %s", async (name, level, codec) => {
    const { vmcore } = await realDump(name);
    const options = { codec, level, workers: threads };
    const without = await filterFile(vmcore, plain, options);
    const { shared, outputBytes, classes } = await filterFile(vmcore, output, { ...options, dedupe: true });
    expect(shared?.pages).toBe(repeatedPages(output, vmcore, level === 0));
    expect(shared?.pages).toBeGreaterThan(10);
    expect(outputBytes).toBe(without.outputBytes - (shared?.bytes ?? 0));
    expect(classes).toEqual(without.classes);
    expect(compareKdumpWithElf(output, vmcore)).toSatisfy(isRight);
  });

  test("a flattened one, put together by our reader, has the same pages", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const options = { codec: "zlib", level: 1, workers: threads, dedupe: true } as const;
    const flat = join(folder, "flat");
    const { shared } = await filterFlattened(vmcore, flat, options);
    await filterFile(flat, output, { codec: "none", level: 1, workers: threads });
    expect(shared?.pages).toBeGreaterThan(10);
    expect(compareKdumpWithElf(output, vmcore)).toSatisfy(isRight);
    // And what was shared once is shared again when the output is filtered.
    await filterFile(vmcore, plain, options);
    const again = await filterFile(plain, output, options);
    expect(again.shared).toEqual(shared);
    expect(readFileSync(output).equals(readFileSync(plain))).toBe(true);
  });
});
