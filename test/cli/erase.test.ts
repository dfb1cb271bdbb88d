/** `--erase FILE` on the command line: what it says, and the exit codes of wrong rules. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { menagerie } from "../support/kernel/menagerie.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";

const folder = temporaryFolder();
const file = inFolder(folder);

beforeAll(() => {
  writeElf(file("vmcore"), buildKernel({ pages: menagerie("6.1.0") }));
  writeFileSync(file("rules"), "# a comment\nphysical 0x1000-0x3000\n? symbol init_task.comm\n");
});

// Only a process of its own has a stdout that takes a dump.
const run = (...args: string[]) => (args.includes("-F") ? runCli : runHere)(args, { cwd: folder });

test("the report, --json and the manifest name each rule and what it did", async () => {
  const plain = await run("vmcore", "out", "-d", "0", "--erase", "rules");
  expect(plain.code, plain.stderr).toBe(0);
  expect(plain.stdout.toString()).toMatch(
    /erased: 8 KiB\n {4}physical 0x1000-0x3000: 1, 8 KiB\n {4}\? symbol init_task\.comm: 0, 0 bytes\n/,
  );
  const { stdout } = await run("vmcore", "out", "-f", "-d", "0", "--erase", "rules", "--json");
  expect(JSON.parse(stdout.toString()).erase).toMatchObject({
    ...{ spans: 1, bytes: 8192, overwritten: 8192 },
    rules: [
      { line: 2, rule: "physical 0x1000-0x3000", objects: 1, record: ["erase physical 0x1000-0x3000 size 8192"] },
      { line: 3, rule: "? symbol init_task.comm", objects: 0, record: [] },
    ],
  });
  for (const args of [
    ["vmcore", "out"],
    ["-F", "vmcore", "-q"],
  ]) {
    const { code, stderr } = await run(...args, "--erase", "rules", "-f", "--manifest", "manifest.json");
    expect(code, stderr).toBe(0);
    expect(JSON.parse(readFileSync(file("manifest.json"), "utf8")).erased).toEqual([
      "erase physical 0x1000-0x3000 size 8192",
    ]);
  }
});

test.each([
  ["physical 1-2\nsymbol a.", 2, "wrong:2: found the end of the line, expected a member's name"],
  ["symbol init_task.comm", 1, 'wrong:1: "symbol init_task.comm": the dump\'s memory has no symbols and types'],
  ["", 2, "wrong: it has no rule"],
])("%j", async (text, code, message) => {
  writeFileSync(file("wrong"), `${text}\n`);
  const result = await run("vmcore", "never", "--erase", "wrong");
  expect(result).toMatchObject({ code, stderr: expect.stringContaining(message) });
  expect(() => readFileSync(file("never"))).toThrow("ENOENT");
});

test("a rules file that is not there", async () => {
  expect(await run("vmcore", "never", "--erase", "nothing")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("nothing"),
  });
});
