/** drgn unwinds the tasks of a dump that was made of a memory image, which has no registers, and crash is not led astray by their notes. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { realDump, realVmlinux } from "../support/dumps.js";
import { buildLime, ramOf } from "../support/raw-image.js";
import { Outputs } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const drgnFrames = fileURLToPath(new URL("drgn-frames.py", import.meta.url));

describeReader("a LiME image", ["drgn"], () => {
  test("all tasks have the frames that they have in an ELF file", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    const lime = outputs.path("image.lime");
    writeFileSync(lime, buildLime(ramOf(vmcore)));
    const frames = async (path: string) =>
      (await runWell("drgn", ["-q", "--no-default-symbols", "-s", await realVmlinux(), "-c", path, drgnFrames])).stdout;
    const sleeping = (text: string) => text.split("\n").filter((line) => /^[1-9]/.test(line));
    const elf = sleeping(await frames(await outputs.make({ dump: lime, level: 31, form: "elf" })));
    expect(elf.length).toBe(27);
    expect(elf.filter((line) => !line.includes("__schedule"))).toEqual([]);
    expect(sleeping(await frames(await outputs.make({ dump: lime, level: 31, form: "lzo" })))).toEqual(elf);
    // QEMU gives CPUs the process numbers 1 and 2: drgn 0.0.22 takes their registers for those tasks'.
    const original = sleeping(await frames(await outputs.make({ dump: vmcore, level: 31, form: "elf" })));
    expect(original.slice(2)).toEqual(elf.slice(2));
  });
});
