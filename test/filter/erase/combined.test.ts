/** Erase rules together with everything else: what they erase is gone from each output, and verify calls exactly that erased. */
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../../src/codec/codecs.js";
import { openDump } from "../../../src/reader/open.js";
import { filterDump } from "../../../src/run/filter-dump.js";
import { verifyDump } from "../../../src/verify/verify-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, type RunOptions, sharedThread, temporaryFolder } from "../../support/filter.js";

const folder = temporaryFolder();

/** Reserved memory, a page of it whole: it stays in every output, also with --privacy. */
function rulesFor(vmcore: string): { rules: string; text: Buffer; paddr: number } {
  const dump = openDump(vmcore, new Warnings());
  const banner = Buffer.from("Linux version ");
  const page = Buffer.alloc(dump.pageSize);
  try {
    for (
      let at = dump.memory.next(0x100_0000);
      at < Number.POSITIVE_INFINITY;
      at = dump.memory.next(at + page.length)
    ) {
      at -= at % page.length;
      dump.memory.read(page, at);
      const found = page.indexOf(banner);
      if (found < 0 || found + 96 > page.length) continue;
      const text = Buffer.from(page.subarray(found, found + 64));
      return { rules: `physical 0x${(at + found).toString(16)} size 64`, text, paddr: at + found };
    }
  } finally {
    dump.close();
  }
  throw new Error("no banner");
}

/** The 64 bytes at the place, as our reader has them. */
function at(output: string | readonly string[], paddr: number): string {
  const dump = openDump(output, new Warnings());
  const bytes = Buffer.alloc(64);
  dump.memory.read(bytes, paddr);
  dump.close();
  return bytes.toString("latin1");
}

const ERASED = "X".repeat(64);

describeWithDumps("erase rules together with", () => {
  test.each<[string, RunOptions, number]>([
    ["--dedupe", { dedupe: true, codec: "zlib" }, 0],
    ["--dedupe and --privacy", { dedupe: true, privacy: true, codec: "zlib" }, 31],
    ["ELF", { format: "elf" }, 0],
    ["ELF and --privacy", { format: "elf", privacy: true }, 31],
  ])("%s", async (_, options, level) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { rules, text, paddr } = rulesFor(vmcore);
    const output = join(folder, "one");
    const { erase } = await filterFile(vmcore, output, { ...options, level, erase: rules });
    expect(erase?.rules[0]).toMatchObject({ bytes: 64 });
    expect(at(output, paddr)).toBe(ERASED);
    expect(at(vmcore, paddr)).toBe(text.toString("latin1"));
    const { whole, comparison } = await verifyDump(output, { against: vmcore });
    // --privacy may change other pages: kernels without types have none.
    expect(comparison).toMatchObject({ erased: 1, different: 0, privacy: options.privacy === true });
    expect(whole).toBe(true);
  });

  test("a split set", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { rules, paddr } = rulesFor(vmcore);
    const paths = ["a", "b", "c"].map((name) => join(folder, name));
    await filterFile(vmcore, { paths, force: true }, { level: 0, codec: "zlib", erase: rules });
    expect(at(paths, paddr)).toBe(ERASED);
    const { whole, comparison } = await verifyDump(paths, { against: vmcore });
    expect(comparison).toMatchObject({ erased: 1, different: 0 });
    expect(whole).toBe(true);
  });

  test("a flattened stream: nothing of it is in the stream either", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { rules, text, paddr } = rulesFor(vmcore);
    const output = join(folder, "flat");
    const dump = openDump(vmcore, new Warnings());
    const stream = createWriteStream(output);
    await filterDump(dump, {
      ...{
        output: { stream, name: "stdout" },
        level: 0,
        format: "kdump",
        codec: codecOf("none"),
        workers: sharedThread(),
      },
      ...{ privacy: false, dedupe: false, warnings: new Warnings(), erase: { name: "rules", text: rules } },
    } as Parameters<typeof filterDump>[1]);
    await new Promise((resolve) => stream.end(resolve));
    dump.close();
    expect(at(output, paddr)).toBe(ERASED);
    const { whole, comparison } = await verifyDump(output, { against: vmcore });
    expect(comparison).toMatchObject({ erased: 1, different: 0 });
    expect(whole).toBe(true);
    // The kernel's banner is elsewhere too (the log); at this place it had what follows it in the image.
    const count = (bytes: Buffer) => bytes.toString("latin1").split(text.toString("latin1")).length - 1;
    expect(count(readFileSync(output))).toBe(count(readFileSync(vmcore)) - 1);
  });
});
