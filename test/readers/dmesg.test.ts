/** Our kernel log against makedumpfile's and crash's of the same dump. */
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { runCli } from "../support/cli.js";
import { realDump } from "../support/dumps.js";
import { Outputs } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { asMakedumpfile, describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

describeReader("makedumpfile --dump-dmesg", ["makedumpfile"], () => {
  test.each(["tiny-x86-6.1", "x86-6.12-tiny", "x86-6.1-kdump-tiny"])("%s: the same lines", async (name) => {
    const { vmcore } = await realDump(name);
    const output = outputs.path(`${name}.dmesg`);
    await runWell("makedumpfile", ["--dump-dmesg", "-f", vmcore, output]);
    const run = await runCli(["dmesg", vmcore, "--follow-format", "makedumpfile"]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(asMakedumpfile(run.stdout.toString())).toBe(readFileSync(output, "utf8"));
  });
});
