/** Memory stays flat, however large the dump. */
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { peakOf } from "../support/peak-memory.js";

const GiB = 2 ** 30;
const MEGABYTE = 1e6;
const folder = temporaryFolder();

/** An ELF dump of 64 GiB of which `data` bytes are in the file: one hole, that reads as zeros and takes no disk. */
function sparseDump(name: string, data: number): string {
  const path = join(folder, name);
  const offset = 4096;
  const loads = [
    { paddr: 0, offset, filesz: data, memsz: data },
    { paddr: data, memsz: 64 * GiB - data },
  ];
  const fd = openSync(path, "w");
  writeSync(fd, buildElf({ notes: [vmcoreinfoNote("PAGESIZE=4096\nOSRELEASE=6.1.0\n")], loads }));
  ftruncateSync(fd, offset + data);
  closeSync(fd);
  return path;
}

describe.skipIf(process.platform !== "linux")("64 GiB of memory (skipped but on Linux)", () => {
  // Two bitmaps of 64 GiB take 4 MiB.
  const limit = 300 * MEGABYTE + (64 / 1024) * 64 * 2 ** 20;

  test.each([
    ["zlib", ["-d", "1", "-c"]],
    ["ELF", ["-d", "1", "-E"]],
  ])("2 GiB of data, %s: at most 300 MB and the bitmaps", async (_, options) => {
    const peak = await peakOf([
      sparseDump("large", 2 * GiB),
      join(folder, "out"),
      "-f",
      "--num-threads",
      "2",
      ...options,
    ]);
    expect(peak).toBeLessThan(limit);
  });
});

/** A service: filters a dump ten times, and prints by how much its addresses grew after the first time, in bytes. */
const SERVICE = `
import { readFileSync } from "node:fs";
import { codecOf, filterDump, openDump } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
const addresses = () => 1024 * Number(/^VmSize:\\s+(\\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1"))[1]);
const [input, path] = process.argv.slice(1);
let first;
for (let i = 0; i < 10; i++) {
  const dump = openDump(input);
  await filterDump(dump, { output: { path, force: true }, format: "kdump", level: 31, codec: codecOf("lzo"), workers: 1 });
  dump.close();
  first ??= addresses();
}
console.log(addresses() - first);`;

describeWithDumps("a service", () => {
  test.skipIf(process.platform !== "linux")("no memory is left of each dump (skipped but on Linux)", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const args = ["--input-type=module", "-e", SERVICE, vmcore, join(folder, "again")];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    // A memory that kernels work in takes 10 GiB of addresses; two were left of each run.
    expect(Number(stdout)).toBeLessThan(25 * GiB);
  });
});
