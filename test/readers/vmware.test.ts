/** Saved states of VMware: crash reads the built ones, and what coresieve makes of them has the same machine, its registers too. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { realDump, realVmlinux } from "../support/dumps.js";
import { ramOf } from "../support/raw-image.js";
import { buildVmwareGuest, buildVmwareState, cpusOf } from "../support/vmware-image.js";
import { Outputs } from "./support/outputs.js";
import { run } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

// crash 8.0.2, which Debian 12 has, gets the place of a KASLR kernel wrong in these files.
const dump = "tiny-x86-6.1-nokaslr";
const questions = ["ps", "log", "kmem -i", "task", "runq", "struct uts_namespace init_uts_ns"];
/** Running tasks' stacks come from registers. */
const running = ["bt -a"];

async function ask(path: string, asked: readonly string[]): Promise<string> {
  const commands = outputs.path("questions");
  writeFileSync(commands, `${asked.join("\n")}\nquit\n`);
  const { code, stdout, stderr } = await run("crash", ["-s", "-i", commands, await realVmlinux(), path]);
  expect(code, stdout + stderr).toBe(0);
  return (stdout + stderr).replaceAll(path, "DUMPFILE");
}

describeReader("VMware", ["crash"], () => {
  const [state, withMemory, memory] = ["guest.vmss", "whole.vmss", "guest.vmem"].map((name) => outputs.path(name)) as [
    string,
    string,
    string,
  ];
  const [guest, guestMemory] = [outputs.path("debug.guest"), outputs.path("debug.vmem")];
  let original = "";
  let originalStacks = "";
  beforeAll(async () => {
    const { vmcore } = await realDump(dump);
    const opened = openDump(vmcore);
    const cpus = cpusOf(opened.notes);
    opened.close();
    const pieces = ramOf(vmcore);
    const bytes = Buffer.concat(pieces.map(({ data }) => data));
    const pages = bytes.length / 4096;
    writeFileSync(state, buildVmwareState({ cpus, regions: [{ ppn: 0, page: 0, pages }] }));
    writeFileSync(memory, bytes);
    writeFileSync(withMemory, buildVmwareState({ cpus, regions: [{ ppn: 0, page: 0, pages }], memory: bytes }));
    writeFileSync(guest, buildVmwareGuest({ version: 5, cpus, memory: pieces }));
    writeFileSync(guestMemory, bytes);
    original = await ask(vmcore, questions);
    originalStacks = await ask(vmcore, running);
    expect(original).toMatch(/swapper\/0/);
    expect(originalStacks).toMatch(/CPU: 1/);
  });

  test("crash reads the state that was built: the builder is right", async () => {
    expect(await ask(state, questions)).toBe(original);
    expect(await ask(withMemory, questions)).toBe(original);
  });

  test.each([
    ["memory beside it", () => state],
    ["memory in it", () => withMemory],
    ["debug.guest", () => guest],
  ])(
    "%s: crash answers on the output as on the machine's ordinary dump, and shows the stacks of running tasks",
    async (_, path) => {
      for (const form of ["lzo", "elf"] as const) {
        const output = await outputs.make({ dump: path(), level: 31, form });
        expect(await ask(output, questions)).toBe(original);
        expect(await ask(output, running)).toBe(originalStacks);
      }
    },
  );
});
