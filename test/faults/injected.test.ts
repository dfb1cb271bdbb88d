/** System calls that fail, come short or are interrupted, and threads that die: one line that says so, and nothing left. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { type CliRun, expectFailure, runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { toElf, toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const preload = fileURLToPath(new URL("../support/inject-fault.cjs", import.meta.url));
const kernel = buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" });
writeElf(at("elf"), kernel);
writeFileSync(at("kdump"), toKdump(kernel, { codec: (pfn) => (pfn % 2 === 0 ? "raw" : "zlib") }));
const inputs = readdirSync(folder).sort();

interface Fault {
  readonly call: "readSync" | "writeSync" | "closeSync" | "fsyncSync" | "linkSync" | "ftruncateSync" | "memory";
  readonly what: string;
  readonly after?: number;
  readonly thread?: "main" | "worker";
  readonly times?: number;
  readonly output?: boolean;
}

/** Runs the program with the fault. One worker and no codec, so that it is plain who reads. */
function run(
  fault: Fault | undefined,
  args: readonly string[] = ["elf", "out"],
  nodeOptions = "",
  shell = "",
): Promise<CliRun> {
  const set =
    fault === undefined
      ? ""
      : `export CORESIEVE_TEST_FAULT='${JSON.stringify(fault)}' NODE_OPTIONS="--require ${preload} ${nodeOptions}";`;
  return runCli([...args, "-d", "1", "--num-threads", "1"], { cwd: folder, shell: `${shell} ${set} exec "$@"` });
}

const left = () => readdirSync(folder).sort();

let undisturbed: Buffer;
beforeAll(async () => {
  expect((await run(undefined, ["elf", "good"])).code).toBe(0);
  undisturbed = readFileSync(at("good"));
  inputs.push("good");
  inputs.sort();
});

describe("reads", () => {
  test.each([
    ["EIO", "worker", 2],
    ["EIO", "main", 2],
    ["ESTALE", "worker", 0],
  ] as const)("%s in the %s thread, after %i", async (what, thread, after) => {
    const failed = await run({ call: "readSync", what, thread, after });
    expectFailure(failed, 1, /^coresieve: elf: cannot be read: .*(EIO|ESTALE)/, /Check the disk/);
    expect(left()).toEqual(inputs);
  });

  test.each([
    ["come short", { call: "readSync", what: "short" }],
    ["are interrupted", { call: "readSync", what: "EINTR", after: 4, times: 3 }],
  ] as const)("that %s: the same output", async (_, fault) => {
    const fine = await run(fault, ["elf", "out", "-f"]);
    expect([fine.code, fine.stderr]).toEqual([0, ""]);
    expect(readFileSync(at("out")).equals(undisturbed)).toBe(true);
    const kdump = await run(fault, ["kdump", "out", "-f"]);
    expect([kdump.code, kdump.stderr]).toEqual([0, ""]);
    rmSync(at("out"));
  });

  test("that end in mid-file: an error, no zeros", async () => {
    for (const name of ["elf", "kdump"]) {
      const failed = await run({ call: "readSync", what: "nothing", thread: "worker", after: 4 }, [name, "out"]);
      expectFailure(failed, 1, new RegExp(`^coresieve: ${name}: `), /shorter|cannot be read/);
      expect(left()).toEqual(inputs);
    }
  });

  test("a sector that cannot be read, with --salvage: its pages are left out, and counted", async () => {
    const saved = await run({ call: "readSync", what: "EIO", thread: "worker", after: 5, times: 2 }, [
      "elf",
      "out",
      "--salvage",
    ]);
    expect([saved.code, saved.stderr]).toEqual([0, expect.stringMatching(/BAD_PAGES/)]);
    rmSync(at("out"));
  });
});

describe("writes", () => {
  test.each([
    ["writeSync", "EIO", 3, /cannot be written: input\/output error \(EIO\)/],
    ["writeSync", "ENOSPC", 3, /no space left on the device/],
    ["writeSync", "EDQUOT", 0, /disk quota exceeded/],
    ["writeSync", "nothing", 3, /takes no more bytes/],
    ["closeSync", "EIO", 0, /cannot be written: input\/output error/],
    ["linkSync", "EIO", 0, undefined],
  ] as const)("%s: %s after %i", async (call, what, after, says) => {
    const failed = await run({ call, what, after, thread: "main", output: call !== "linkSync" });
    if (says === undefined) {
      // File systems without links: the file is renamed.
      expect([failed.code, failed.stderr]).toEqual([0, ""]);
      expect(readFileSync(at("out")).equals(undisturbed)).toBe(true);
      rmSync(at("out"));
    } else expectFailure(failed, 1, /^coresieve: out: /, says, /nothing was left behind/);
    expect(left()).toEqual(inputs);
  });

  test.each([
    ["come short", "short", 0],
    ["are interrupted", "EINTR", 1],
  ] as const)("that %s: the same output", async (_, what, after) => {
    const times = what === "EINTR" ? { times: 3 } : {};
    const fine = await run({ call: "writeSync", what, after, thread: "main", ...times }, ["elf", "out", "-f", "-q"]);
    expect([fine.code, fine.stderr]).toEqual([0, ""]);
    expect(readFileSync(at("out")).equals(undisturbed)).toBe(true);
    rmSync(at("out"));
  });

  test("--sync: a disk that reports its error late is heard before the file has its name", async () => {
    const failed = await run({ call: "fsyncSync", what: "EIO" }, ["elf", "out", "--sync"]);
    expectFailure(failed, 1, /^coresieve: out: cannot be written: input\/output error/);
    expect(left()).toEqual(inputs);
    // Without it nobody asks the disk.
    expect((await run({ call: "fsyncSync", what: "EIO" }, ["elf", "out"])).code).toBe(0);
    expect((await run(undefined, ["elf", "out", "-f", "--sync"])).code).toBe(0);
    expect(readFileSync(at("out")).equals(undisturbed)).toBe(true);
    rmSync(at("out"));
  });
});

describe("mistakes in the program", () => {
  const says =
    /^coresieve: internal error: (TypeError|Error): injected: .*bug in coresieve [0-9.]+ \(Node [0-9.]+\).*report/;

  test("an error that is none of the dump: one line that says so, and nothing left", async () => {
    expectFailure(await run({ call: "memory", what: "mistake", thread: "main", after: 100 }), 1, says);
    expect(left()).toEqual(inputs);
  });

  test("one that nobody catches: the same", async () => {
    expectFailure(await run({ call: "readSync", what: "uncaught", thread: "main", after: 2, times: 1 }), 1, says);
    expect(left()).toEqual(inputs);
  });

  test("CORESIEVE_DEBUG=1 shows where", async () => {
    const fault: Fault = { call: "memory", what: "mistake", thread: "main", after: 100 };
    const shown = await run(fault, ["elf", "out"], "", "export CORESIEVE_DEBUG=1;");
    expect([shown.code, shown.stderr]).toEqual([
      1,
      expect.stringMatching(/internal error.*\n.*TypeError: injected(.|\n)*\n +at /),
    ]);
    expect(left()).toEqual(inputs);
  });
});

describe("memory that the system does not give", () => {
  test.each([
    ["main", 100],
    ["main", 1 << 20],
    ["worker", 1000],
  ] as const)("to the %s thread, more than %i bytes", async (thread, after) => {
    const failed = await run({ call: "memory", what: "nothing", thread, after });
    expectFailure(
      failed,
      1,
      /(the system has no more memory for this process|a worker thread failed): .*alloca.*Use fewer|use fewer threads/,
    );
    expect(left()).toEqual(inputs);
  });
});

describe("worker threads", () => {
  test.each([
    ["exits", "exit", /a worker thread failed: worker exited with code: 7/, ""],
    ["ends with an error that nobody catches", "uncaught", /a worker thread failed: injected/, ""],
    ["runs out of memory", "memory", /a worker thread failed: .*memory.*Use fewer threads/i, "--max-old-space-size=40"],
  ] as const)("one that %s", async (_, what, says, nodeOptions) => {
    const failed = await run({ call: "readSync", what, thread: "worker", after: 3 }, ["elf", "out"], nodeOptions);
    expectFailure(failed, 1, says);
    expect(existsSync(at("out"))).toBe(false);
    expect(left()).toEqual(inputs);
  });

  test("that cannot even start: no hang", async () => {
    const set = `export CORESIEVE_TEST_FAULT='{"call":"readSync","what":"EIO","after":1000000}' NODE_OPTIONS="--require ${at("dies.cjs")}";`;
    writeFileSync(at("dies.cjs"), 'if (!require("node:worker_threads").isMainThread) process.exit(9);\n');
    const failed = await runCli(["elf", "out", "-d", "31", "-c", "--num-threads", "2"], {
      cwd: folder,
      shell: `${set} exec "$@"`,
    });
    expectFailure(failed, 1, /a worker thread failed/);
    expect(left()).toEqual([...inputs, "dies.cjs"].sort());
  });
});

describe("the temporary file of a stream", () => {
  const spooled = (what: string, times = 3) =>
    run({ call: "writeSync", what, after: 1, thread: "main", times, output: true }, [
      "packed",
      "out",
      "--spool-dir",
      ".",
    ]);

  test("writes that are interrupted or short are done again, one that takes nothing is an error", async () => {
    writeFileSync(at("packed"), gzipSync(toElf(kernel)));
    const before = left();
    for (const what of ["EINTR", "short"]) {
      expect((await spooled(what)).code).toBe(0);
      expect(readFileSync(at("out")).equals(undisturbed)).toBe(true);
      rmSync(at("out"));
    }
    expectFailure(await spooled("nothing"), 1, /temporary file cannot be written: .*takes no more bytes/);
    expect(left()).toEqual(before);
    rmSync(at("packed"));
  });
});
