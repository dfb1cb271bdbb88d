/** `coresieve info` on every form of a dump, for people and as JSON; and what --quiet leaves. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { buildElf, ElfMachine } from "../support/elf-image.js";
import { filterFile, filterFlattened, temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { buildKdumpSplit } from "../support/kdump-image.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { prstatusNote } from "../support/notes.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  crashTime: 1_700_000_000,
  kernelOffset: 0x200000,
});

interface Info extends Record<string, unknown> {
  readonly notes: unknown;
  readonly vmcoreinfo: unknown;
}

async function infoOf(files: readonly Uint8Array[]): Promise<Info> {
  const paths = files.map((bytes, i) => {
    writeDump(join(folder, `dump${i}`), bytes);
    return join(folder, `dump${i}`);
  });
  const run = await runHere(["info", "--json", ...paths]);
  expect([run.code, run.stderr]).toEqual([0, ""]);
  const text = await runHere(["info", ...paths]);
  expect([text.code, text.stderr]).toEqual([0, ""]);
  const info = JSON.parse(run.stdout.toString()) as Info;
  for (const key of ["description", "arch", "kernelRelease"])
    expect(text.stdout.toString()).toContain(info[key] ?? "not known");
  return info;
}

const elf = toElf(kernel);
const kdump = toKdump(kernel, { codec: "snappy", timestamp: 1_700_000_000 });
const common = {
  arch: "x86_64",
  wordSize: 8,
  byteOrder: "little",
  pageSize: 4096,
  kernelRelease: "6.1.0",
  kernelVersion: "#1 SMP PREEMPT_DYNAMIC",
  nodename: "synthetic",
  crashTime: "2023-11-14T22:13:20.000Z",
  cpus: 1,
  memoryBytes: 24 * MiB,
  ranges: [["0x0", "0x1800000"]],
  filtering: { possible: true, reason: null, cure: null },
  memoryModel: "sparsemem, extreme",
  warnings: [],
};

describe("info of each form", () => {
  test.each([
    ["ELF", [elf], { format: "elf", flattened: false, headerVersion: null, parts: 1, codecs: [] }],
    ["flattened ELF", [flatten(elf)], { format: "elf", flattened: true }],
    [
      "kdump",
      [kdump],
      { format: "kdump-compressed", flattened: false, headerVersion: 6, codecs: ["snappy"], dumpLevel: 1 },
    ],
    ["flattened kdump", [flatten(kdump)], { format: "kdump-compressed", flattened: true }],
    [
      "filtered kdump",
      [toKdump(kernel, { dumpLevel: 31, timestamp: 1_700_000_000 })],
      { dumpLevel: 31, codecs: ["zlib"] },
    ],
  ] as const)("%s", async (_, files, says) => {
    const info = await infoOf(files);
    expect(info).toMatchObject({ ...common, ...says });
    expect(info.notes).toEqual([
      { name: "CORE", type: 1, typeName: "NT_PRSTATUS", size: 336 },
      { name: "VMCOREINFO", type: 0, typeName: "VMCOREINFO", size: kernel.vmcoreinfo.length },
    ]);
    const items = kernel.vmcoreinfo
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/).slice(0, 2));
    expect(info.vmcoreinfo).toEqual(Object.fromEntries(items));
  });

  test("a split set", async () => {
    const pages = new Map([[3, { codec: "zero" as const }]]);
    const info = await infoOf(buildKdumpSplit({ pages, maxMapnr: 16, vmcoreinfo: "OSRELEASE=5.4.0\n" }, [0, 8, 16]));
    expect(info).toMatchObject({ parts: 2, kernelRelease: "6.1.0-synthetic", filtering: { possible: false } });
  });

  test("a machine without VMCOREINFO: what is known, and why it cannot be filtered", async () => {
    const loads = [{ paddr: 4096, data: new Uint8Array(8192) }];
    const bytes = buildElf({ byteOrder: "big", machine: ElfMachine.s390, notes: [prstatusNote(1)], loads });
    const info = await infoOf([bytes]);
    expect(info).toMatchObject({
      ...{ arch: "s390x", byteOrder: "big", vmcoreinfo: null, kernelRelease: null, crashTime: null },
      filtering: { possible: false, reason: expect.stringContaining("VMCOREINFO") },
      warnings: [{ code: "PAGE_SIZE_GUESSED" }],
    });
  });

  test("a log that cannot be read is not called one without a panic, and what to do stands in its own line", async () => {
    const path = join(folder, "without-kernel");
    writeFileSync(
      path,
      buildElf({ machine: ElfMachine.s390, byteOrder: "big", loads: [{ paddr: 4096, data: new Uint8Array(8192) }] }),
    );
    const { stdout } = await runHere(["info", path]);
    expect(stdout.toString()).toMatch(/^Crash {9}not known: its log cannot be read$/m);
    expect(stdout.toString()).toMatch(
      /^Filtering {5}not possible: its pages cannot be classified: .*\n {14}Levels 0 and 1 /m,
    );
  });

  test("many ranges: all in JSON, the first for people", async () => {
    const loads = Array.from({ length: 50 }, (_, i) => ({ paddr: i * 8192, data: new Uint8Array(4096) }));
    const path = join(folder, "many");
    writeFileSync(path, buildElf({ notes: kernel.notes, loads }));
    const json = JSON.parse((await runHere(["info", "--json", path])).stdout.toString()) as { ranges: unknown[] };
    expect(json.ranges).toHaveLength(50);
    expect((await runHere(["info", path])).stdout.toString()).toMatch(/in 50 ranges: .* and 46 more \(--json\)/);
  });
});

describeWithDumps("info of a real dump", () => {
  let vmcore: string;
  let flat: string;
  beforeAll(async () => {
    const dump = await realDump("tiny-x86-6.1");
    vmcore = dump.vmcore;
    flat = dump.flat as string;
  });

  test("says what the pages of a kdump file are, and that struct pages were left out", async () => {
    const output = join(folder, "plain");
    await filterFile(vmcore, output, { excludeUnusedVmemmap: true });
    expect((await runHere(["info", output])).stdout.toString()).toMatch(
      /^Format .*, pages not compressed, dump level 31, without struct pages of dropped pages$/m,
    );
  });

  test("says the same of the ELF file, of QEMU's flattened kdump and of our outputs", async () => {
    const [kdumpFile, elfFile, flatFile] = ["k", "e", "f"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await filterFile(vmcore, kdumpFile, { codec: "zstd" });
    await filterFile(vmcore, elfFile, { format: "elf" });
    await filterFlattened(vmcore, flatFile, { codec: "lzo" });
    const infos = [];
    for (const path of [vmcore, flat, kdumpFile, elfFile, flatFile]) {
      const info = JSON.parse((await runHere(["info", "--json", path])).stdout.toString()) as Record<string, unknown>;
      infos.push(
        [
          "arch",
          "kernelRelease",
          "kernelVersion",
          "cpus",
          "pageSize",
          "vmcoreinfo",
          "notes",
          "filtering",
          "memoryModel",
        ].map((key) => info[key]),
      );
    }
    expect(infos.slice(1)).toEqual(new Array(4).fill(infos[0]));
    expect(infos[0]?.[5]).toMatchObject({ PAGESIZE: "4096" });
  });

  test("one screen; notes and VMCOREINFO where they are asked for", async () => {
    const linesOf = async (...options: string[]) =>
      (await runHere(["info", vmcore, ...options])).stdout.toString().trimEnd().split("\n");
    const lines = await linesOf();
    expect(lines.length).toBeLessThan(24);
    expect(lines.map((line) => line.slice(0, 14).trim())).toEqual(
      "File,Format,Machine,Memory,Kernel,Host,Crash time,Crash,Uptime,Filtering,Shrinks to,Notes,VMCOREINFO,Build ID".split(
        ",",
      ),
    );
    const notes = await linesOf("--notes");
    expect(notes.slice(0, 12)).toEqual(lines.slice(0, 11).concat(["Notes         5"]));
    expect(notes).toContain("  NT_PRSTATUS, 336 bytes");
    expect((await linesOf("--vmcoreinfo-text")).filter((line) => line.startsWith("  SYMBOL(")).length).toBeGreaterThan(
      5,
    );
  });

  test("why it crashed, by its log", async () => {
    const { vmcore: crashed } = await realDump("x86-6.1-kdump-tiny");
    const text = (await runHere(["info", crashed])).stdout.toString();
    expect(text).toMatch(
      /^Crash {9}sysrq: Trigger a crash\n {14}Kernel panic - not syncing: sysrq triggered crash\n {14}task workload \(pid \d+\), CPU 0$/m,
    );
    const json = JSON.parse((await runHere(["info", crashed, "--json"])).stdout.toString()) as Record<string, unknown>;
    expect(json).toMatchObject({
      crash: { kind: "sysrq", reason: "sysrq: Trigger a crash", comm: "workload", cpu: 0 },
      uptimeSeconds: expect.closeTo(11.94, 0) as number,
      tasks: { total: 48, kernelThreads: 46, running: 1, uninterruptible: 0 },
    });
    expect(text).toMatch(/^Tasks {9}48, 46 of them the kernel's own; 1 running$/m);
    expect(json["shrinksToBytes"]).toBeGreaterThan(1e6);
  });

  test("--quiet prints nothing, --show-stats makedumpfile's numbers, and otherwise the result stands there", async () => {
    const out = join(folder, "out");
    const quiet = await runHere([vmcore, out, "--quiet", "-f"]);
    expect([quiet.code, quiet.stdout.length, quiet.stderr]).toEqual([0, 0, ""]);
    const stats = await runHere([vmcore, out, "--quiet", "-f", "--show-stats"]);
    expect(stats.stdout.toString()).toMatch(/Original pages {2}: 0x[0-9a-f]{16}\n/);
    const said = await runHere([vmcore, out, "-f"]);
    expect(said.stdout.toString()).toMatch(
      /Linux 6\.1\.[\s\S]*user memory[\s\S]*Size .* before, .* after[\s\S]*Output /,
    );
    const json = await runHere([vmcore, out, "-f", "--json"]);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ level: 31, output: out, warnings: [] });
    const config = join(folder, "config.json");
    writeFileSync(config, '{"show-stats": true}');
    const both = await runHere([vmcore, out, "-f", "--json", "--config", config]);
    expect(JSON.parse(both.stdout.toString())).toMatchObject({ level: 31 });
  });

  test("-F says everything on stderr, and stdout has the dump", async () => {
    const run = await runCli(["-F", vmcore, "-l"]);
    expect([run.code, run.stdout.toString("latin1", 0, 12)]).toEqual([0, "makedumpfile"]);
    expect(run.stderr).toContain("stdout, flattened");
    const path = join(folder, "piped");
    await filterFlattened(vmcore, path, { codec: "lzo" });
    expect(readFileSync(path).equals(run.stdout)).toBe(true);
  });
});

test("a packed input's size is its content's, and says so", async () => {
  const path = join(folder, "packed");
  writeFileSync(path, gzipSync(elf, { level: 1 }));
  const [first] = (await runHere(["info", path])).stdout.toString().split("\n");
  expect(first).toMatch(/^File +.*packed \(24\.\d MiB when unpacked\)$/);
  expect(JSON.parse((await runHere(["info", path, "--json"])).stdout.toString())).toMatchObject({
    unpacked: true,
    fileSize: elf.length,
  });
});
