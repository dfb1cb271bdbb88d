/** crash and makedumpfile on outputs in which data were erased. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { realDump, realVmlinux } from "../support/dumps.js";
import { filterFile } from "../support/filter.js";
import { Outputs } from "./support/outputs.js";
import { run, runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const dump = "tiny-x86-6.1-nokaslr";
const RULES = `symbol init_uts_ns.name.nodename
  member task_struct.comm of slab task_struct
  symbol init_task.comm
  symbol saved_command_line
  slab names_cache`;
const LINES = [
  "erase init_uts_ns.name.nodename size 65",
  "erase member task_struct.comm of slab task_struct size 16",
  "erase init_task.comm size 16",
  "erase saved_command_line size 161",
  "erase slab names_cache size 4096",
];

async function ask(path: string, questions: readonly string[]): Promise<string> {
  const commands = outputs.path("questions");
  writeFileSync(commands, `${questions.join("\n")}\nquit\n`);
  const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), path]);
  expect(code, stdout + stderr).toBe(0);
  return (stdout + stderr).replaceAll(path, "DUMPFILE");
}

/** Every task of the kernel's list: address, then `comm = "…"`. */
const TASKS = "list task_struct.tasks -s task_struct.comm -h init_task";
const NAMES = /comm = "[^\n]*/g;

describeReader("crash shows what was erased, and the rest as it was", ["crash"], () => {
  const same = ["log", "kmem -i", "kmem -p", "irq", "timer", "dev"];
  let original = "";
  let tasks = "";
  beforeAll(async () => {
    const { vmcore } = await realDump(dump);
    original = await ask(vmcore, same);
    tasks = await ask(vmcore, [TASKS]);
  });

  test.each(["kdump", "elf"] as const)("%s", async (format) => {
    const output = outputs.path(format);
    const { vmcore } = await realDump(dump);
    await filterFile(vmcore, output, { format, level: 31, erase: RULES, vmlinux: await realVmlinux() });
    const erased = await ask(output, [TASKS]);
    expect(erased).toContain("Kernel data has been erased from this dumpfile");
    expect(tasks).toContain('comm = "kthreadd');
    expect(tasks.match(NAMES)?.length).toBeGreaterThan(20);
    const list = (text: string) => text.slice(text.indexOf("ffffffff"));
    expect(list(erased)).toBe(list(tasks).replaceAll(NAMES, `comm = "${"X".repeat(16)}",`));
    expect(await ask(output, ["sys"])).toMatch(/NODENAME: X{65}/);
    const afterWarning = (text: string) => text.replace(/^WARNING: DUMPFILE:\n(?: {9}.*\n)+/m, "").trim();
    expect(afterWarning(await ask(output, same))).toBe(original.replaceAll(/\n\n$/g, "\n").trim());
    const help = await ask(output, ["help -D"]);
    for (const line of LINES) expect(help).toContain(line);
  });
});

describeReader("makedumpfile carries our eraseinfo over", ["makedumpfile"], () => {
  test("kdump filtered again", async () => {
    const [output, again] = [outputs.path("first"), outputs.path("again")];
    const { vmcore } = await realDump(dump);
    await filterFile(vmcore, output, { level: 1, codec: "lzo", erase: RULES, vmlinux: await realVmlinux() });
    await runWell("makedumpfile", ["-l", "-d", "31", "-f", output, again]);
    const { openDump } = await import("../../src/reader/open.js");
    const { Warnings } = await import("../../src/warnings.js");
    const dumped = openDump(again, new Warnings());
    expect(
      Buffer.from(dumped.eraseinfo ?? [])
        .toString()
        .replaceAll("\0", "")
        .trim()
        .split("\n"),
    ).toEqual(LINES);
    dumped.close();
  });
});
