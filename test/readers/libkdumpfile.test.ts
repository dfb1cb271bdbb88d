/** Every page of our outputs, read by libkdumpfile and compared with the original. */
import { copyFileSync, openSync, readFileSync, writeSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { readGolden, realDump } from "../support/dumps.js";
import { bitmapPfns, bitmapSet, goldenKept, goldenLevel, readKdumpBitmap2 } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";
import { kdumpCheck, nothingWrong } from "./support/kdumpcheck.js";
import { type Codec, codecs, Outputs, titled, type Wanted } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const everyCodec = Object.keys(codecs) as Codec[];

/** Checks a kdump-compressed output whole: pages kept, bytes, notes, names in the header. */
async function expectWholeKdump(wanted: Wanted, path: string): Promise<void> {
  const dump = await realDump(wanted.dump);
  const golden = readGolden(wanted.dump);
  const kept = goldenKept(golden, wanted.level);
  const check = await kdumpCheck(dump.vmcore, path);
  expect(check).toMatchObject({
    ...nothingWrong,
    format: "Compressed KDUMP",
    pageSize: dump.facts.pageSize,
    maxPfn: goldenLevel(golden, wanted.level).max_mapnr,
    read: kept.count,
    same: kept.count,
    sha256: kept.sha256,
  });
  expect(check.noteFacts).toBeGreaterThan(100);
  const release = /^OSRELEASE=(.*)$/m.exec(readFileSync(dump.vmcoreinfo, "utf8"))?.[1];
  expect(check.uts).toMatchObject({ sysname: "Linux", release, machine: "x86_64" });
}

/** Checks an ELF output whole; which pages it must hold says our own kdump output, which is checked by itself. */
async function expectWholeElf(wanted: Wanted, path: string): Promise<void> {
  const dump = await realDump(wanted.dump);
  const kept = readKdumpBitmap2(await outputs.make({ dump: wanted.dump, level: wanted.level, form: "lzo" }));
  expect(bitmapSet(kept)).toEqual(goldenKept(readGolden(wanted.dump), wanted.level));
  const check = await kdumpCheck(dump.vmcore, path, kept);
  expect(check).toMatchObject({ ...nothingWrong, format: "ELF64 dump" });
  expect(check.same + check.absentZero).toBe([...bitmapPfns(kept)].length);
  expect(check.noteFacts).toBeGreaterThan(100);
}

describeReader("libkdumpfile reads the kdump-compressed output", ["libkdumpfile"], () => {
  const cases: Wanted[] = [31, 1, 0].flatMap((level) =>
    everyCodec.map((form) => ({ dump: "tiny-x86-6.1", level, form })),
  );
  cases.push(
    ...everyCodec.map((form) => ({ dump: "x86-6.1-kdump-tiny", level: 31, form })),
    { dump: "x86-6.1-kdump-tiny", level: 0, form: "zlib" },
    { dump: "tiny-x86-6.12", level: 31, form: "zstd" },
    { dump: "tiny-x86-6.1-sparse-classic", level: 31, form: "snappy" },
    { dump: "tiny-x86-6.1-holes", level: 31, form: "zlib" },
    { dump: "x86-6.12-tiny", level: 31, form: "lzo" },
    ...everyCodec.map((form) => ({ dump: "tiny-x86-6.1", level: 0, form, dedupe: true })),
  );
  test.each(titled(cases))("%s", async (_title, wanted) => {
    await expectWholeKdump(wanted, await outputs.make(wanted));
  });

  test("and a changed byte is noticed", async () => {
    const wanted: Wanted = { dump: "tiny-x86-6.1", level: 31, form: "none" };
    const path = outputs.path("changed");
    copyFileSync(await outputs.make(wanted), path);
    const kdump = openKdump(path);
    const pfn = [...bitmapPfns(kdump.bitmap2)][500];
    const { offset } = kdump.descriptor(500);
    const byte = kdump.content(kdump.descriptor(500))[7] ?? 0;
    kdump.close();
    writeSync(openSync(path, "r+"), Uint8Array.of(byte ^ 1), 0, 1, offset + 7);
    // More than one page where the descriptor is the shared zero page's.
    expect((await kdumpCheck((await realDump(wanted.dump)).vmcore, path)).different).toContain(pfn);
  });
});

describeReader("libkdumpfile reads the ELF output", ["libkdumpfile"], () => {
  const cases: Wanted[] = ["tiny-x86-6.1", "x86-6.1-kdump-tiny"].flatMap((dump) =>
    [31, 1, 0].map((level) => ({ dump, level, form: "elf" as const })),
  );
  cases.push({ dump: "tiny-x86-6.12", level: 31, form: "elf" });
  test.each(titled(cases))("%s", async (_title, wanted) => {
    await expectWholeElf(wanted, await outputs.make(wanted));
  });
});

describeReader("libkdumpfile reads what comes out of a flattened stream", ["libkdumpfile", "makedumpfile"], () => {
  const rearranged = async (wanted: Wanted): Promise<string> => {
    const path = outputs.path(`rearranged.${wanted.form}`);
    await runWell("makedumpfile", ["-R", "-f", path], {
      stdinFile: await outputs.make({ ...wanted, flattened: true }),
    });
    return path;
  };

  describe("rearranged by makedumpfile", () => {
    test.each(everyCodec)("%s", async (form) => {
      const wanted: Wanted = { dump: "tiny-x86-6.1", level: 31, form };
      await expectWholeKdump(wanted, await rearranged(wanted));
    });

    test("elf", async () => {
      const wanted: Wanted = { dump: "tiny-x86-6.1", level: 31, form: "elf" };
      await expectWholeElf(wanted, await rearranged(wanted));
    });
  });
});
