/** `coresieve bench` as a program: figures of stages and whole runs, and nothing left behind. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");
const outputs = join(folder, "outputs");

interface Figures {
  readonly dump: { memoryBytes: number; kernelRelease: string };
  readonly stages?: {
    stages: { name: string; count: number; wall: number }[];
    codecs: { codec: string; stored: number; bytes: number }[];
  };
  readonly comparisons: { level: number; codec: string; rows: Row[] }[];
}
interface Row {
  readonly name: string;
  readonly runs: { wall: number; size: number }[];
  readonly pages?: number;
  readonly failure?: string;
}

beforeAll(() => {
  mkdirSync(outputs);
  writeElf(vmcore, buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" }));
});

async function bench(...args: string[]): Promise<Figures> {
  const { code, stdout, stderr } = await runHere(["bench", vmcore, "--json", "-q", "--folder", outputs, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(readdirSync(outputs)).toEqual([]);
  return JSON.parse(stdout.toString());
}

test("each stage and codec has figures, and a whole run of each number of workers gives the same bytes", async () => {
  const { dump, stages, comparisons } = await bench(
    "--codec",
    "lzo,none",
    "--workers",
    "1,2",
    "--runs",
    "1",
    "-d",
    "31,1",
  );
  expect(dump.memoryBytes).toBe(24 * MiB);
  expect(stages?.stages.map(({ name }) => name)).toEqual([
    ...["find the kernel", "read", "read again", "scan (pass 1)", "zero test", "hash (--dedupe)", "write"],
  ]);
  for (const { name, count, wall } of stages?.stages ?? []) {
    expect({ name, counted: count > 0, timed: wall > 0 }).toEqual({
      name,
      counted: name !== "find the kernel",
      timed: true,
    });
  }
  expect(stages?.codecs.map(({ codec }) => codec)).toEqual(["lzo"]);
  expect(stages?.codecs.every(({ stored, bytes }) => stored > 0 && stored <= bytes)).toBe(true);
  expect(comparisons.map(({ level, codec }) => `${level} ${codec}`)).toEqual(["31 lzo", "31 none", "1 lzo", "1 none"]);
  for (const { rows } of comparisons) {
    expect(rows.map(({ name, runs }) => [name, runs.length])).toEqual([
      ["coresieve, 1 worker", 1],
      ["coresieve, 2 workers", 1],
    ]);
    expect(new Set(rows.map(({ runs }) => runs[0]?.size)).size).toBe(1);
  }
});

test.skipIf(process.platform === "win32")(
  "the other program is run in turn with ours, and its failure said (skipped on Windows)",
  async () => {
    const program = join(folder, "other makedumpfile");
    const calls = join(folder, "calls");
    writeFileSync(
      program,
      `#!/bin/sh\nif [ "$1" = -v ]; then echo "makedumpfile: version 9.9.9 (x)"; exit; fi\necho "$*" >> '${calls}'\necho no such luck >&2\nexit 3\n`,
    );
    chmodSync(program, 0o755);
    const { comparisons } = await bench(
      "--against",
      program,
      "--codec",
      "zlib",
      "--runs",
      "1",
      "--workers",
      "1",
      "--no-stages",
    );
    const [theirs, threaded, ours] = comparisons[0]?.rows ?? [];
    expect(theirs).toMatchObject({ name: "makedumpfile", runs: [], failure: "ended with 3: no such luck" });
    expect(threaded).toMatchObject({
      name: "makedumpfile --num-threads 2",
      failure: expect.stringContaining("no such luck"),
    });
    expect(ours?.runs).toHaveLength(1);
    expect(readFileSync(calls, "utf8").split("\n")[0]).toMatch(new RegExp(`^-c -d 31 ${vmcore} ${outputs}/.*/out$`));
  },
);

test("the options that say what the input is go to the runs", async () => {
  expect((await runHere(["-g", join(folder, "info.txt"), vmcore])).code).toBe(0);
  const args = ["--codec", "none", "--runs", "1", "--workers", "1", "--no-stages", "-i", join(folder, "info.txt")];
  const { comparisons } = await bench(...args);
  expect(comparisons[0]?.rows[0]?.failure).toBeUndefined();
});

test("without runs there are stages only, as a table", async () => {
  const { code, stdout: table } = await runHere([
    "bench",
    vmcore,
    "-q",
    "--runs",
    "0",
    "--codec",
    "snappy",
    "--folder",
    outputs,
  ]);
  expect(code).toBe(0);
  const stdout = table.toString();
  expect(stdout).toMatch(/^\| scan \(pass 1\) \| \d+ struct pages \| [\d.]+ \| [\d.]* \| \d+ \| \d+ \|$/m);
  expect(stdout).toMatch(/^\| compress: snappy \| \d+ pages \|/m);
  expect(stdout).not.toContain("## Level");
  expect(readdirSync(outputs)).toEqual([]);
});

test.each([
  [["--runs", "many"], "--runs many: must be a whole number from 0 to 1000"],
  [["-d", "31,32"], '-d 31,32: "32" must be a whole number from 0 to 31'],
  [["--codec", "rar"], "--codec rar: must be one of none, zlib"],
  [["--against", "/no/such/program"], "/no/such/program: cannot be run"],
  [["-"], "stdin: is not a plain file, and a benchmark reads the dump many times. Name a file"],
  [["--folder", "/no/such/folder"], "/no/such/folder: a folder cannot be created there"],
])("%j: says what is wrong", async (args, message) => {
  const run = args[0] === "-" ? runCli : runHere;
  const { code, stderr } = await run(["bench", vmcore, "-q", ...args]);
  expect(code).toBeGreaterThan(0);
  expect(stderr).toContain(message);
});
