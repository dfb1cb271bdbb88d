/** Rules of texts find the same, and make the same dump, whatever the dump comes from and by however many steps it is made. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { inFolder } from "../../support/cli.js";
import { runHere } from "../../support/cli-here.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { temporaryFolder } from "../../support/filter.js";

const folder = temporaryFolder();
const file = inFolder(folder);

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runHere(args, { cwd: folder });
  expect(code, stderr).toBe(0);
  return stdout.toString();
}

/** In the image, in the log, in the notes of some; and a pattern. */
const RULES = `text "Linux version"\npattern /GNU Binutils [a-z]+ [A-Z][a-z]+/\n`;

describeWithDumps("rules of texts", () => {
  let vmcore: string;
  beforeAll(async () => {
    ({ vmcore } = await realDump("tiny-x86-6.1"));
    writeFileSync(file("rules"), RULES);
    writeFileSync(file("secrets"), "Linux version\n");
    await run(vmcore, "whole", "-l", "--erase", "rules", "-q");
  }, 120_000);

  test("what they name is there before, and in no byte of the output", async () => {
    const audit = async (name: string) => {
      const { stdout } = await runHere(["audit", name, "--secrets", "secrets", "--json"], { cwd: folder });
      return JSON.parse(stdout.toString()).secrets[0].found as number;
    };
    expect(await audit(vmcore)).toBeGreaterThan(1);
    expect(await audit("whole")).toBe(0);
  });

  test.each(["none", "zlib", "zstd"])("out of a kdump file in %s: the same dump", async (codec) => {
    await run(vmcore, "between", "-f", "-d", "0", "--compress", codec, "-q");
    const { erase } = JSON.parse(await run("between", "again", "-f", "-l", "--erase", "rules", "--json"));
    expect(erase.rules.map(({ objects }: { objects: number }) => objects > 0)).toEqual([true, true]);
    expect(erase.record).toEqual(
      JSON.parse(await run(vmcore, "other", "-f", "-l", "--erase", "rules", "--json")).erase.record,
    );
    const found = await runHere(["audit", "again", "--secrets", "secrets", "--json"], { cwd: folder });
    expect(JSON.parse(found.stdout.toString()).secrets[0].found).toBe(0);
  });

  test("by steps, in two shards: the same bytes", async () => {
    await run("plan", vmcore, "steps", "-l", "--erase", "rules", "--shards", "2", "--staging", "staging");
    for (const shard of ["1", "0"]) await run("shard", "staging", shard, "--wait", "0");
    await run("finish", "staging");
    expect(readFileSync(file("steps")).equals(readFileSync(file("whole")))).toBe(true);
  });
});
