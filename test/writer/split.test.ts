/** Split sets: cut at the right pages, put together again to the very file that was not split. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { countBits, setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { rearrangeDump } from "../../src/writer/rearrange.js";
import { reassembleDump } from "../../src/writer/reassemble.js";
import { splitRanges } from "../../src/writer/split-ranges.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, filterFlattened, temporaryFolder } from "../support/filter.js";
import { buildKdump, buildKdumpSplit, type KdumpOptions } from "../support/kdump-image.js";
import { failureOfAsync, pageOf } from "../support/open.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

test("ranges cover all pages, begin at multiples of 64, and are balanced as well as that allows", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(5000), fc.nat(900)), { maxLength: 12 }),
      fc.integer({ min: 1, max: 6000 }),
      fc.integer({ min: 1, max: 7 }),
      (runs, maxMapnr, parts) => {
        const kept = sharedBitmap(6400);
        for (const [start, length] of runs)
          setBits(kept, Math.min(start, maxMapnr), Math.min(start + length, maxMapnr));
        const ranges = splitRanges(kept, maxMapnr, parts);
        expect(ranges.length).toBe(parts);
        let next = 0;
        const total = countBits(kept, 0, maxMapnr);
        for (const { startPfn, endPfn } of ranges) {
          expect(startPfn).toBe(next);
          expect(startPfn % 64 === 0 || startPfn === maxMapnr).toBe(true);
          expect(Math.abs(countBits(kept, startPfn, endPfn) - total / parts)).toBeLessThanOrEqual(65);
          next = endPfn;
        }
        expect(next).toBe(maxMapnr);
      },
    ),
  );
});

describeWithDumps("of a real dump", () => {
  const threads = new WorkerThreads(1);
  async function split(name: string, parts: number, codec: "zlib" | "none", level: number) {
    const { vmcore } = await realDump(name);
    const paths = Array.from({ length: parts }, (_, i) => at(`${name}.${codec}.${level}.${i}`));
    const dump = openDump(vmcore);
    const options = { format: "kdump", codec: codecOf(codec), level, workers: threads } as const;
    const result = await filterDump(dump, { ...options, output: { paths, force: true } });
    dump.close();
    const whole = at(`${name}.${codec}.${level}.whole`);
    await filterFile(vmcore, whole, { level, codec, workers: threads });
    return { vmcore, paths, whole, result };
  }
  async function reassemble(paths: readonly string[]): Promise<Buffer> {
    const set = openDump([...paths].reverse());
    await reassembleDump(set, { path: at("again"), force: true });
    set.close();
    return readFileSync(at("again"));
  }

  test("equal pages of a file share their bytes, and the files are what the whole dump is", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const options = { format: "kdump", codec: codecOf("none"), level: 1, workers: threads } as const;
    const dump = openDump(vmcore);
    const paths = [at("d0"), at("d1"), at("d2")];
    const plain = await filterDump(dump, { ...options, output: { paths, force: true } });
    const result = await filterDump(dump, { ...options, output: { paths, force: true }, dedupe: true });
    dump.close();
    expect(result.shared?.pages).toBeGreaterThan(0);
    expect(result.outputBytes).toBe(plain.outputBytes - (result.shared?.bytes ?? 0));
    const whole = at("d.whole");
    await filterFile(vmcore, whole, { level: 1, codec: "none", workers: threads });
    const sameAsWhole = async (found: string | readonly string[]) =>
      expect((await verifyDump(found, { against: whole, workers: threads })).findings).toEqual([]);
    await sameAsWhole(paths);
    // Descriptors that share bytes still do when the set is one file.
    expect((await reassemble(paths)).length).toBeLessThan(readFileSync(whole).length);
    await sameAsWhole(at("again"));
  });

  const cases = [
    ["x86-6.1-kdump-tiny", 3, "zlib", 31],
    ["tiny-x86-6.1", 5, "none", 1],
    ["tiny-x86-6.1", 2, "none", 0],
    // Its files number pages from the start of memory on.
    ["tiny-arm-6.1-flatmem", 3, "zlib", 31],
    // Big endian.
    ["tiny-s390x-6.12", 2, "zlib", 31],
    ["tiny-arm64-6.12-64k-va52", 3, "zlib", 31],
  ] as const;
  test.each(cases)("%s in %i files, %s, level %i", async (name, parts, codec, level) => {
    const { paths, whole, result } = await split(name, parts, codec, level);
    expect(result.outputBytes).toBe(paths.reduce((sum, path) => sum + readFileSync(path).length, 0));
    expect((await reassemble(paths)).equals(readFileSync(whole))).toBe(true);
    // Headers are equal, which crash and makedumpfile demand.
    const heads = paths.map((path) => readFileSync(path).subarray(0, 464));
    for (const head of heads) expect(head.equals(heads[0] as Buffer)).toBe(true);
    const set = openDump(paths);
    const one = openDump(whole);
    expect(set.header.parts).toBe(parts);
    expect(set.ranges).toEqual(one.ranges);
    set.close();
    one.close();
  });

  test("what cannot be split is refused, and nothing is left", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const dump = openDump(vmcore);
    const run = (paths: string[], more: object) =>
      failureOfAsync(() =>
        filterDump(dump, {
          ...{ output: { paths }, level: 31, format: "kdump", codec: codecOf("none"), workers: threads },
          ...more,
        }),
      );
    const two = [at("refused.1"), at("refused.2")];
    expect((await run([at("refused.1")], {})).code).toBe("BAD_OPTION");
    expect((await run([at("refused.1"), `${folder}/./refused.1`], {})).message).toContain("same name");
    expect((await run(two, { format: "elf" })).message).toContain("ELF");
    expect((await run(two, { onFull: "incomplete" })).code).toBe("BAD_OPTION");
    expect((await run(two, { sizeLimit: 100_000 })).code).toBe("SIZE_LIMIT");
    writeFileSync(two[1] as string, "here");
    expect((await run(two, {})).code).toBe("OUTPUT_EXISTS");
    expect(readdirSync(folder).filter((name) => name.includes("refused"))).toEqual(["refused.2"]);
    dump.close();
  });

  test("a flattened file is rearranged to the plain one", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    for (const format of ["kdump", "elf"] as const) {
      await filterFile(vmcore, at(`plain.${format}`), { format, workers: threads });
      await filterFlattened(vmcore, at(`flat.${format}`), { format, workers: threads });
      const size = await rearrangeDump(at(`flat.${format}`), { path: at("plain"), force: true });
      const plain = readFileSync(at("plain"));
      expect(size).toBe(plain.length);
      expect(plain.equals(readFileSync(at(`plain.${format}`)))).toBe(true);
    }
    const flat = readFileSync(at("flat.kdump"));
    writeFileSync(at("cut"), flat.subarray(0, flat.length - 16));
    const into = { path: at("never") };
    expect(await failureOfAsync(() => rearrangeDump(at("cut"), into))).toMatchObject({ code: "TRUNCATED" });
    expect(await failureOfAsync(() => rearrangeDump(vmcore, into))).toMatchObject({ code: "NOT_A_DUMP" });
    expect(readdirSync(folder).filter((name) => name.includes("never"))).toEqual([]);
  });
});

describe("sets of other writers", () => {
  const page = (byte: number) => new Uint8Array(4096).fill(byte);
  const options: KdumpOptions = {
    pages: new Map([
      [1, { codec: "zlib", data: page(1) }],
      [2, { codec: "zero" }],
      [70, { codec: "raw", data: page(7) }],
      [71, { codec: "zero" }],
      [130, { codec: "lzo", data: page(9) }],
      [131, { codec: "raw", data: page(3), descriptor: { offset: 0, size: 0 } }],
    ]),
    excluded: [3, 4, 140],
    vmcoreinfo: "OSRELEASE=6.1.0\nPAGESIZE=4096\n",
    eraseinfo: "erase cred.uid\n",
    status: 9,
  };
  test.each([
    { version: 6 },
    { version: 5 },
    { version: 4 },
    { version: 6, byteOrder: "big" },
    { version: 6, wordSize: 4, packed32: true, utsname: { machine: "i686" } },
    { version: 6, wordSize: 4, utsname: { machine: "armv7l" } },
  ] as const)("%j: pages, notes and the mark of an incomplete dump", async (shape) => {
    const parts = buildKdumpSplit({ ...options, ...shape }, [0, 64, 128, 141]).map((bytes, i) => {
      writeFileSync(at(`other.${i}`), bytes);
      return at(`other.${i}`);
    });
    const set = openDump(parts, new Warnings());
    const result = await reassembleDump(set, { path: at("joined"), force: true });
    expect(result).toMatchObject({ pages: 5, missing: 1 });
    const joined = openDump(at("joined"), new Warnings());
    expect(joined.header).toMatchObject({ parts: 1, incomplete: true, headerVersion: shape.version });
    expect(joined.vmcoreinfo?.text).toBe(set.vmcoreinfo?.text);
    for (const pfn of [1, 2, 70, 71, 130]) expect(pageOf(joined, pfn).equals(pageOf(set, pfn))).toBe(true);
    expect(() => pageOf(joined, 131)).toThrow("incomplete");
    if (shape.version >= 5) {
      expect(Buffer.from(joined.eraseinfo ?? []).toString()).toBe("erase cred.uid\n");
    }
    joined.close();
    set.close();
  });

  test("one file, or a descriptor that leads nowhere, is refused", async () => {
    const damaged = buildKdumpSplit(
      {
        ...options,
        pages: new Map([
          [1, { codec: "raw", data: page(1), descriptor: { offset: 1 << 30 } }],
          [70, { codec: "raw", data: page(2) }],
        ]),
      },
      [0, 64, 141],
    );
    const names = damaged.map((bytes, i) => {
      writeFileSync(at(`damaged.${i}`), bytes);
      return at(`damaged.${i}`);
    });
    const dump = openDump(names, new Warnings());
    const error = await failureOfAsync(() => reassembleDump(dump, { path: at("never") }));
    expect(error).toMatchObject({ code: "TRUNCATED", file: names[0] });
    dump.close();
    writeFileSync(at("single"), buildKdump(options));
    const one = openDump(at("single"), new Warnings());
    expect((await failureOfAsync(() => reassembleDump(one, { path: at("never") }))).code).toBe("BAD_OPTION");
    one.close();
    expect(readdirSync(folder).filter((name) => name.includes("never"))).toEqual([]);
  });
});
