/** coresieve-makedumpfile called as the scripts of distributions call makedumpfile, with a dump in place of /proc/vmcore. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { temporaryFolder } from "../../support/filter.js";
import { writeElf } from "../../support/kernel-dump.js";
import { buildKernel, MiB } from "../../support/kernel-image.js";

const folder = temporaryFolder();
const program = fileURLToPath(new URL("../../../dist/cli/makedumpfile.js", import.meta.url));
const vmcore = join(folder, "vmcore");
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [{ pfn: 256, kind: "anon", count: 512 }],
});
writeElf(vmcore, kernel, { style: "qemu" });

const { PATH = "" } = process.env;
// As npm links it, and as somebody may put it in makedumpfile's place.
const bin = join(folder, "bin");
mkdirSync(bin);
writeFileSync(join(bin, "node-and-program"), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
  mode: 0o755,
});
symlinkSync("node-and-program", join(bin, "makedumpfile"));
const posix = process.platform === "win32" ? describe.skip : describe;

/** Runs a piece of a script with makedumpfile on its PATH. */
function shell(script: string, variables: Readonly<Record<string, string>> = {}) {
  const env = { ...process.env, ...variables, PATH: `${bin}:${PATH}`, vmcore };
  const { status, stdout, stderr } = spawnSync("/bin/bash", ["-c", script], { cwd: folder, env, encoding: "utf8" });
  return { status, stdout, stderr };
}

function keptOf(path: string): number {
  const dump = openDump(join(folder, path));
  try {
    return dump.header.dumpLevel;
  } finally {
    dump.close();
  }
}

posix("scripts", () => {
  test("kdump-tools: MAKEDUMP_ARGS with -F, through a compressor, into a file", () => {
    const run = shell(
      'MAKEDUMP_ARGS="-F -c -d 31"; set -o pipefail; ' +
        'makedumpfile $MAKEDUMP_ARGS "$vmcore" | cat > dump-incomplete && mv dump-incomplete dump.1',
    );
    expect(run).toMatchObject({ status: 0, stdout: "" });
    expect(run.stderr).toMatch(/\n\nThe dumpfile is saved to STDOUT\.\n\nmakedumpfile Completed\.\n$/);
    expect(keptOf("dump.1")).toBe(31);
  });

  test("kdump-tools: the log first, and what its script looks at", () => {
    const run = shell('if makedumpfile --dump-dmesg "$vmcore" dmesg.1; then echo saved; else echo failed; fi');
    expect(run).toEqual({
      status: 0,
      stdout: "\nThe dmesg log is saved to dmesg.1.\n\nmakedumpfile Completed.\nsaved\n",
      stderr: "",
    });
    expect(readFileSync(join(folder, "dmesg.1"), "utf8")).toMatch(
      /^\[ {4}0\.000000\] \[ {6}T1\] Linux version .*\n\[ {4}1\.234567\] .*Kernel panic.*\n$/,
    );
  });

  test("kdump-utils: core_collector into vmcore-incomplete, then its name", () => {
    const run = shell(
      'CORE_COLLECTOR="makedumpfile -l --message-level 7 -d 31"; $CORE_COLLECTOR "$vmcore" vmcore-incomplete; code=$?; ' +
        "[ $code -eq 0 ] && mv vmcore-incomplete vmcore.2; exit $code",
    );
    expect(run).toMatchObject({
      status: 0,
      stdout: "\nThe dumpfile is saved to vmcore-incomplete.\n\nmakedumpfile Completed.\n",
    });
    expect(run.stderr).toMatch(/^\rChecking for memory holes [\s\S]*\rCopying data {38}: \[100\.0 %\] .*\n$/);
    expect(keptOf("vmcore.2")).toBe(31);
    expect(statSync(join(folder, "vmcore.2")).mode & 0o777).toBe(0o600);
  });

  test("kdump-utils: over ssh, core_collector gets -F", () => {
    const run = shell('makedumpfile -F -l --message-level 1 -d 31 "$vmcore" | dd bs=512 of=vmcore.flat 2> /dev/null');
    expect(run).toMatchObject({ status: 0, stdout: "" });
    expect(keptOf("vmcore.flat")).toBe(31);
  });

  test("kdump-utils: core_collector is checked when the configuration is loaded", () => {
    const check = (args: string) => shell(`makedumpfile --check-params ${args}`);
    expect(check("-l --message-level 7 -d 31 vmcore dumpfile")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(check("-F -l -d 31 vmcore")).toMatchObject({ status: 0 });
    expect(check("-l --message-level 7 -d 32 vmcore dumpfile")).toMatchObject({ status: 1 });
    expect(check("-l -d 31 vmcore")).toMatchObject({ status: 1 });
  });

  test("kdumpctl estimate: how many pages of each kind, and their size", () => {
    const run = shell("makedumpfile --mem-usage \"$vmcore\" | awk '/^USER/ { print $2 } /^page size/ { print $3 }'");
    expect(run).toMatchObject({ status: 0, stdout: "512\n4096\n" });
  });

  test("which codecs there are, as scripts ask", () => {
    expect(shell("makedumpfile -v").stdout).toMatch(
      /^makedumpfile: version \S+ .*\nlzo\tenabled\nsnappy\tenabled\nzstd\t\w+\n\n$/,
    );
    expect(shell("makedumpfile --help")).toMatchObject({ status: 0, stderr: "" });
  });

  test("a full disk: what had room is kept, marked incomplete, exit code 1", () => {
    const run = shell('ulimit -f 8000; makedumpfile -d 0 --message-level 2 "$vmcore" vmcore.4');
    const full = "Can't write the dump file(vmcore.4). No space left on device";
    const incomplete = "This is an incomplete dumpfile, but might analyzable.";
    expect(run).toEqual({
      status: 1,
      stdout: `\n${full}\n${incomplete}\n\nmakedumpfile Failed.\n`,
      stderr: "",
    });
    const dump = openDump(join(folder, "vmcore.4"));
    expect(dump.header.incomplete).toBe(true);
    dump.close();
  });

  test("a failure is seen by the script: nothing under the name, exit code 1", () => {
    const run = shell("makedumpfile -l -d 31 no-such-vmcore vmcore.3");
    expect(run).toEqual({
      status: 1,
      stdout: "\nmakedumpfile Failed.\n",
      stderr: "open_dump_memory: Can't open the dump memory(no-such-vmcore). No such file or directory\n",
    });
    expect(existsSync(join(folder, "vmcore.3"))).toBe(false);
  });
});
