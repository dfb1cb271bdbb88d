/** Inputs of several files, or that can be read only once, by steps (as by the queue): what a filter run takes is taken, or refused by what it is. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { expectFailure, inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { ramOf } from "../support/raw-image.js";
import { buildVmwareState } from "../support/vmware-image.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const place = file("run");
const half = 12 * MiB;

beforeAll(() => {
  const kernel = buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" });
  writeElf(file("vmcore"), kernel);
  const memory = Buffer.concat(ramOf(file("vmcore")).map(({ data }) => data));
  expect(memory.length).toBe(24 * MiB);
  writeFileSync(file("guest.vmss"), buildVmwareState({ regions: [{ ppn: 0, page: 0, pages: memory.length / 4096 }] }));
  writeFileSync(file("guest.vmem"), memory);
  writeFileSync(file("low"), memory.subarray(0, half));
  writeFileSync(file("high"), memory.subarray(half));
  for (const [name, startPfn, endPfn] of [
    ["first", 0, 700],
    ["second", 700, 6144],
  ] as const) {
    writeFileSync(file(name), toKdump(kernel, { codec: () => "zlib", split: { startPfn, endPfn } }));
  }
  writeFileSync(file("vmcore.gz"), gzipSync(readFileSync(file("vmcore"))));
  execFileSync("mkfifo", [file("fifo")]);
});

async function bySteps(inputs: readonly string[]) {
  rmSync(place, { recursive: true, force: true });
  rmSync(file("shared"), { force: true });
  const steps = [["plan", ...inputs, file("shared"), "-l", "-d", "1", "--shards", "2", "--staging", place]];
  for (const i of ["0", "1"]) steps.push(["shard", place, i]);
  steps.push(["finish", place]);
  for (const args of steps) {
    const run = await runHere(args);
    if (run.code !== 0) return run;
  }
  return undefined;
}

test.each([
  ["a split set", ["first", "second"]],
  ["a split set in another order", ["second", "first"]],
  ["a state and its memory", ["guest.vmss", "guest.vmem"]],
  ["a state behind its memory", ["guest.vmem", "guest.vmss"]],
  ["files at addresses", ["low@0", `high@${half}`]],
  ["files at addresses in another order", [`high@${half}`, "low@0"]],
])("%s: the bytes of a run by one machine", async (_, names) => {
  const inputs = names.map((name) => file(name));
  const alone = await runHere([...inputs, file("alone"), "-l", "-d", "1", "-f"]);
  expect(alone.code, alone.stderr).toBe(0);
  const failed = await bySteps(inputs);
  expect(failed?.stderr).toBeUndefined();
  expect(readFileSync(file("shared")).equals(readFileSync(file("alone")))).toBe(true);
});

test.each([
  ["guest.vmss", 2, /guest\.vmss: has its memory in another file, \S+guest\.vmem, which was not named/],
  [
    "vmcore.gz",
    1,
    /vmcore\.gz: is packed, and each worker would have to unpack it\. Unpack it, or filter it with one machine/,
  ],
  ["fifo", 2, /fifo: is a stream, and several hosts have to read the same\. Save it to a file first/],
])("%s is refused by what it is", async (name, code, message) => {
  const run = await bySteps([file(name)]);
  if (run === undefined) throw new Error("was not refused");
  expectFailure(run, code, message);
  expect(existsSync(file("shared"))).toBe(false);
});

test.each([
  ["-", "-: is a stream"],
  ["qemu:/run/qmp", "qemu:/run/qmp: is a running machine"],
  ["libvirt:guest", "libvirt:guest: is a running machine"],
])("%s is refused, and not looked for as a file", async (name, message) => {
  const run = await bySteps([name]);
  if (run === undefined) throw new Error("was not refused");
  expectFailure(run, 2, message);
});
