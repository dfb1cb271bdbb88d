/** stdout that goes nowhere without anybody having said so: Node opens /dev/null in the place of one that is closed. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { expectFailure, runCli, startCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");
const closed = { shell: '"$@" >&-' };

beforeAll(() => writeFileSync(vmcore, sampleDump()));

describe.skipIf(process.platform === "win32")("a closed stdout (skipped on Windows)", () => {
  test.each([
    [[vmcore, "-"]],
    [["-F", vmcore, "-q"]],
    [[vmcore, "-", "-E", "--manifest", join(folder, "manifest.json")]],
  ])("%j: the dump would be lost, and that is an error", async (args) => {
    expectFailure(await runCli(args, closed), 1, /^coresieve: stdout: is closed/);
    expect(existsSync(join(folder, "manifest.json"))).toBe(false);
  });

  test("makedumpfile -F: the same", async () => {
    const dropIn = fileURLToPath(new URL("../../dist/cli/makedumpfile.js", import.meta.url));
    const shell = `'${process.execPath}' '${dropIn}' -F '${vmcore}' >&-`;
    const run = await runCli([], { shell });
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("stdout: is closed");
  });

  test("matters to nobody where the result is a file or an exit code", async () => {
    expect(await runCli([vmcore, join(folder, "out")], closed)).toMatchObject({ code: 0, stderr: "" });
    expect(await runCli(["verify", join(folder, "out")], closed)).toMatchObject({ code: 0, stderr: "" });
  });

  test.each([[["info", vmcore]], [["dmesg", vmcore, "--json"]], [["help"]], [["--version"]]])(
    "%j: text that is thrown away as Python's subprocess.DEVNULL does it leaves the exit code",
    async (args) => {
      expect(await runCli(args, { shell: '"$@" 1<> /dev/null' })).toMatchObject({ code: 0, stderr: "" });
    },
  );

  test("is not /dev/null, where whoever says so wants it to go", async () => {
    const { ended, collect } = startCli([vmcore, "-", "-q"], { shell: '"$@" > /dev/null' });
    collect();
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
  });
});

describe.skipIf(process.platform === "win32")("a stdout that leads into the input (skipped on Windows)", () => {
  test.each([
    ["appended to", [vmcore, "-"], `>> '${vmcore}'`],
    ["written over", ["-F", vmcore], `1<> '${vmcore}'`],
    ["by another name", [join(folder, "link"), "-"], `>> '${vmcore}'`],
    ["that is stdin", ["-", "-"], `< '${vmcore}' >> '${vmcore}'`],
    ["handed over", ["handover", vmcore, "-"], `>> '${vmcore}'`],
  ])("%s: an error, and the input is as it was", async (_, args, shell) => {
    if (!existsSync(join(folder, "link"))) symlinkSync(vmcore, join(folder, "link"));
    expectFailure(await runCli(args, { shell: `"$@" ${shell}` }), 1, /^coresieve: stdout: leads into the input itself/);
    expect(readFileSync(vmcore).equals(sampleDump())).toBe(true);
  });
});
