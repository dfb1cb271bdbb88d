/** crash answers on our outputs as it answers on the original. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { realDump, realVmlinux } from "../support/dumps.js";
import { Outputs, titled, type Wanted } from "./support/outputs.js";
import { run } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const dump = "tiny-x86-6.1-nokaslr";
const questions = [
  "sys",
  "ps",
  "log",
  "kmem -i",
  "kmem -f",
  "kmem -p",
  "kmem -v",
  "bt -a",
  "task",
  "runq",
  "irq",
  "timer",
  "dev",
  "struct uts_namespace init_uts_ns",
];

/** Asks crash everything; the line that names the dump file (and says that it is partial) is left out. */
async function ask(path: string): Promise<string> {
  const commands = outputs.path("questions");
  writeFileSync(commands, `${questions.map((question) => `!echo '== ${question}'\n${question}`).join("\n")}\nquit\n`);
  const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), path]);
  expect(code, stdout + stderr).toBe(0);
  return (stdout + stderr)
    .split("\n")
    .filter((line) => !/^ *DUMPFILE: /.test(line))
    .join("\n")
    .replaceAll(path, "DUMPFILE");
}

describeReader("crash answers as on the original", ["crash"], () => {
  let original = "";
  beforeAll(async () => {
    original = await ask((await realDump(dump)).vmcore);
  });

  test("the original's answers are answers", () => {
    for (const line of [/RELEASE: 6\.1\.192-tiny/, /\[swapper\/0\]/, /Run \/init as init process/, /TOTAL MEM +\d+/]) {
      expect(original).toMatch(line);
    }
  });

  // Debian's crash is built with zlib, LZO, snappy and zstd.
  const forms = ["none", "zlib", "lzo", "snappy", "zstd", "elf"] as const;
  const cases: Wanted[] = [31, 1].flatMap((level) => forms.map((form) => ({ dump, level, form })));
  for (const form of ["none", "lzo"] as const) cases.push({ dump, level: 1, form, dedupe: true });
  test.each(titled(cases))("%s", async (_title, wanted) => {
    expect(await ask(await outputs.make(wanted))).toBe(original);
  });

  test.each(["zlib", "zstd", "elf"] as const)("level 31, %s, flattened, as it is", async (form) => {
    expect(await ask(await outputs.make({ dump, level: 31, form, flattened: true }))).toBe(original);
  });
});
