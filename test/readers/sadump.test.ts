/** sadump's dumps as our tests build them: crash reads one, and answers on what coresieve makes of it as on the machine's ordinary dump. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { realDump, realVmlinux } from "../support/dumps.js";
import { ramOf } from "../support/raw-image.js";
import { buildSadump } from "../support/sadump-image.js";
import { cpusOf } from "../support/vmware-image.js";
import { Outputs } from "./support/outputs.js";
import { run } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const questions = ["ps", "log", "task", "struct uts_namespace init_uts_ns", "bt -a"];

async function ask(path: string): Promise<string> {
  const commands = outputs.path("questions");
  writeFileSync(commands, `${questions.join("\n")}\nquit\n`);
  const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), path]);
  expect(code, stdout + stderr).toBe(0);
  return (stdout + stderr).replaceAll(path, "DUMPFILE");
}

describeReader("sadump", ["crash"], () => {
  test("crash answers on the dump that was built, and on the output, as on the ordinary one", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    const opened = openDump(vmcore);
    const cpus = cpusOf(opened.notes);
    opened.close();
    const [bytes] = buildSadump({ pieces: ramOf(vmcore), cpus }) as [Buffer];
    const path = outputs.path("sadump");
    writeFileSync(path, bytes);
    const original = await ask(vmcore);
    expect(await ask(path)).toBe(original);
    const output = await outputs.make({ dump: path, level: 31, form: "lzo" });
    expect(await ask(output)).toBe(original);
  });
});
