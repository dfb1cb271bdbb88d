/** crash answers on what --privacy leaves as it answers on the original. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { realDump, realVmlinux } from "../support/dumps.js";
import { Outputs } from "./support/outputs.js";
import { run } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const dump = "tiny-x86-6.1-nokaslr";
const questions = ["sys", "ps", "bt", "bt -a", "foreach bt", "log", "mod", "kmem -s", "kmem -S", "kmem -i", "runq"];

/** What crash says of every dump that has an eraseinfo. */
const ERASED = /\nWARNING: [^\n]*\n *Kernel data has been erased [\s\S]*?runtime behavior\.\n/;

async function ask(path: string): Promise<string> {
  const commands = outputs.path("questions");
  writeFileSync(commands, `${questions.map((question) => `!echo '== ${question}'\n${question}`).join("\n")}\nquit\n`);
  const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), path]);
  expect(code, stdout + stderr).toBe(0);
  return (stdout + stderr)
    .replace(ERASED, "")
    .split("\n")
    .filter((line) => !/^ *DUMPFILE: /.test(line))
    .join("\n")
    .replaceAll(path, "DUMPFILE");
}

describeReader("crash answers after --privacy as on the original", ["crash"], () => {
  let original = "";
  beforeAll(async () => {
    original = await ask((await realDump(dump)).vmcore);
  });

  test("the original's answers are answers", () => {
    for (const line of [/COMMAND: "swapper\/0"/, /Run \/init as init process/]) {
      expect(original).toMatch(line);
    }
  });

  test.each([
    ["none", false],
    ["zlib", false],
    ["lzo", false],
    ["snappy", false],
    ["zstd", false],
    ["elf", false],
    ["zlib", true],
    ["elf", true],
  ] as const)("%s, flattened: %s", async (form, flattened) => {
    expect(await ask(await outputs.make({ dump, level: 31, form, flattened, options: ["--privacy"] }))).toBe(original);
  });
});
