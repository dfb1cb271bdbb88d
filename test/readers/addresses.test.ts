/** gdb and drgn read kernel memory by its virtual addresses out of ELF outputs of every machine. */
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { kernelOf } from "../../src/library/kernel-of.js";
import { openDump } from "../../src/reader/open.js";
import { realDump, realDumps, sharedInput } from "../support/dumps.js";
import { Outputs } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const drgnRead = fileURLToPath(new URL("drgn-read.py", import.meta.url));

/** Where the kernel's banner is, which lies in its text or data; the release in its name where it has no symbols. */
function placeOf(path: string): { readonly at: bigint; readonly text: string } {
  const dump = openDump(path);
  const kernel = kernelOf(dump);
  const banner = kernel.symbol("linux_banner");
  // release is the third of six texts of 65 bytes (struct new_utsname).
  const name = (kernel.symbol("init_uts_ns") ?? 0n) + 2n * 65n;
  const at = banner ?? name;
  const text = banner === undefined ? kernel.utsname.release : `Linux version ${kernel.utsname.release} `;
  dump.close();
  return { at, text };
}

const inputs: [string, () => Promise<string>][] = [
  ...realDumps.map(({ name }): [string, () => Promise<string>] => [name, async () => (await realDump(name)).vmcore]),
  ["la57-1g-base.elf", () => sharedInput("la57-1g-base.elf")],
];

describeReader("ELF outputs are read at the kernel's own addresses", ["drgn", "gdb-multiarch"], () => {
  test.each(inputs)("%s", async (_name, find) => {
    const path = await find();
    const { at, text } = placeOf(path);
    const output = await outputs.make({ dump: path, level: 31, form: "elf" });
    const asked = ["-nx", "-batch", "-ex", "set print elements 400", "-ex", `x/s 0x${at.toString(16)}`, "-c", output];
    expect((await runWell("gdb-multiarch", asked)).stdout).toContain(`"${text}`);
    const range = `${at.toString(16)}:${text.length.toString(16)}`;
    const { stdout } = await runWell("drgn", ["-q", "--no-default-symbols", "-c", output, drgnRead, range]);
    expect(stdout.trim()).toBe(`${at.toString(16)} ${Buffer.from(text, "latin1").toString("hex")}`);
  });
});
