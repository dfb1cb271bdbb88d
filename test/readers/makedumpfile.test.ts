/** makedumpfile takes our outputs as its input: it filters them again, rearranges them, reads the log out of them. */
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { compareKdumpWithElf, isRight } from "../support/compare-pages.js";
import { readGolden, realDump } from "../support/dumps.js";
import { goldenKept, keptPages } from "../support/golden.js";
import { Outputs, titled, type Wanted } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

/** Filters a dump with makedumpfile, LZO for speed, at level 31. */
async function filterAgain(input: string, name: string): Promise<string> {
  const output = outputs.path(`${name.replaceAll(/[^\w.]+/g, "-")}.again`);
  await runWell("makedumpfile", ["-l", "-d", "31", "-f", input, output]);
  return output;
}

describeReader("makedumpfile filters our output again", ["makedumpfile"], () => {
  // Debian's makedumpfile 1.7.2 has zlib and LZO only.
  const cases: Wanted[] = [
    { dump: "tiny-x86-6.1", level: 0, form: "none" },
    { dump: "tiny-x86-6.1", level: 0, form: "zlib" },
    { dump: "tiny-x86-6.1", level: 1, form: "zlib" },
    { dump: "tiny-x86-6.1", level: 0, form: "lzo" },
    { dump: "tiny-x86-6.1", level: 1, form: "lzo" },
    { dump: "tiny-x86-6.1", level: 0, form: "elf" },
    { dump: "tiny-x86-6.1", level: 0, form: "none", dedupe: true },
    { dump: "tiny-x86-6.1", level: 1, form: "lzo", dedupe: true },
    { dump: "tiny-x86-6.1", level: 31, form: "lzo" },
    { dump: "tiny-x86-6.1-sparse-classic", level: 0, form: "zlib" },
    { dump: "x86-6.1-kdump-tiny", level: 1, form: "lzo" },
    { dump: "x86-6.1-kdump-tiny", level: 0, form: "elf" },
  ];
  test.each(titled(cases))("%s: to the pages it keeps of the original", async (_title, wanted) => {
    const again = await filterAgain(await outputs.make(wanted), Object.values(wanted).join("."));
    expect(keptPages(again)).toEqual(goldenKept(readGolden(wanted.dump), 31));
    const comparison = compareKdumpWithElf(again, (await realDump(wanted.dump)).vmcore);
    expect(comparison).toSatisfy(isRight);
    expect(comparison.same).toBe(goldenKept(readGolden(wanted.dump), 31).count);
  });

  // makedumpfile 1.7.2 leaves tails of huge pages of 6.12 in, so its own answer for the original is what counts here.
  test.each(["tiny-x86-6.12", "x86-6.12-tiny"])("%s, level 0, lzo: as it filters the original", async (dump) => {
    const ours = await filterAgain(await outputs.make({ dump, level: 0, form: "lzo" }), dump);
    const original = await filterAgain((await realDump(dump)).vmcore, `${dump}.original`);
    expect(keptPages(ours)).toEqual(keptPages(original));
  });
});

describeReader("makedumpfile rearranges our flattened output", ["makedumpfile"], () => {
  const forms = ["none", "zlib", "lzo", "snappy", "zstd", "elf"] as const;
  test.each(forms)("%s: the same as our plain output, byte for byte", async (form) => {
    const wanted: Wanted = { dump: "tiny-x86-6.1", level: 31, form };
    const flattened = await outputs.make({ ...wanted, flattened: true });
    expect(readFileSync(flattened).toString("latin1", 0, 12)).toBe("makedumpfile");
    const rearranged = outputs.path(`rearranged.${form}`);
    await runWell("makedumpfile", ["-R", "-f", rearranged], { stdinFile: flattened });
    expect(readFileSync(rearranged).equals(readFileSync(await outputs.make(wanted)))).toBe(true);
  });
});

describeReader("makedumpfile reads the kernel's log out of our output", ["makedumpfile"], () => {
  const cases: Wanted[] = [
    { dump: "tiny-x86-6.1", level: 31, form: "zlib" },
    { dump: "tiny-x86-6.12", level: 31, form: "lzo" },
    { dump: "x86-6.1-kdump-tiny", level: 31, form: "lzo" },
    { dump: "x86-6.1-kdump-tiny", level: 31, form: "elf" },
  ];
  const log = async (input: string, name: string): Promise<string> => {
    const output = outputs.path(`${name}.log`);
    await runWell("makedumpfile", ["--dump-dmesg", "-f", input, output]);
    return readFileSync(output, "utf8");
  };
  test.each(titled(cases))("%s", async (_title, wanted) => {
    const original = await log((await realDump(wanted.dump)).vmcore, `${wanted.dump}.original`);
    expect(original.split("\n").length).toBeGreaterThan(50);
    expect(await log(await outputs.make(wanted), `${wanted.dump}.${wanted.form}`)).toBe(original);
  });
});
