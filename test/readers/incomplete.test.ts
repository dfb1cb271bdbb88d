/** Dumps that lack pages, because they had no room or were cut off: crash opens them, and says that they are incomplete. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { realDump, realVmlinux } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { run } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

/** What crash says of itself and of the dump. Tables at the end of memory are among what is missing: they read as zeros. */
async function ask(path: string): Promise<string> {
  writeFileSync(at("questions"), "sys\nps\nquit\n");
  const { code, stdout, stderr } = await run("crash", [
    "--zero_excluded",
    "-i",
    at("questions"),
    await realVmlinux(),
    path,
  ]);
  expect(code, stdout + stderr).toBe(0);
  return stdout + stderr;
}

describeReader("crash opens incomplete dumps with a warning", ["crash"], () => {
  const warning = /WARNING: .*\n +This dumpfile is incomplete/;
  const answers = [/DUMPFILE: .*\[INCOMPLETE\]/, /RELEASE: 6\.1\.192-tiny/, /\[swapper\/0\]/];

  test("one that had no room for all pages", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    const dump = openDump(vmcore);
    const output = { path: at("cut") };
    const { incomplete } = await filterDump(dump, {
      ...{
        output,
        level: 0,
        format: "kdump",
        codec: codecOf("none"),
        workers: 1,
        onFull: "incomplete",
        sizeLimit: 30 * 2 ** 20,
      },
    });
    dump.close();
    expect(incomplete).toBe(true);
    const said = await ask(at("cut"));
    for (const line of [warning, ...answers]) expect(said).toMatch(line);
    rmSync(at("cut"));
  });

  test("one that was salvaged from a file that was cut off; and no warning of a whole one", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    await filterFile(vmcore, at("whole"), { level: 1, codec: "lzo" });
    const bytes = readFileSync(at("whole"));
    writeFileSync(at("half"), bytes.subarray(0, Math.floor(0.97 * bytes.length)));
    const options = { level: 1, codec: "lzo", open: { salvage: true }, warnings: new Warnings() } as const;
    await filterFile(at("half"), at("salvaged"), options);
    const said = await ask(at("salvaged"));
    for (const line of [warning, ...answers]) expect(said).toMatch(line);
    expect(await ask(at("whole"))).not.toMatch(/incomplete/i);
  });
});
