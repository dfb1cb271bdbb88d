/** Pages with memory errors, and those that the hypervisor has, are never read where the input is a machine's memory: reading one may stop it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { pagesOf } from "../../src/index.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { segmentsOf } from "../../src/reader/attach.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump, realVmlinux } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB, type PageDescription } from "../support/kernel-image.js";

const PAGE = 4096;
const preload = fileURLToPath(new URL("../support/live-memory.cjs", import.meta.url));
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = realpathSync(temporaryFolder());
const at = (name: string) => join(folder, name);
const vmcore = at("vmcore");
const log = at("log");

const bad: readonly PageDescription[] = [
  { pfn: 160, kind: "hwpoison" },
  { pfn: 161, kind: "anon", hwpoison: true },
  { pfn: 162, kind: "offline", count: 4 },
  { pfn: 170, kind: "cache", hwpoison: true },
];
const pages: readonly PageDescription[] = [
  ...bad,
  { pfn: 100, kind: "cache", count: 20 },
  { pfn: 130, kind: "anon", count: 20 },
];
writeElf(vmcore, buildKernel({ memory: 24 * MiB, pages }), { style: "qemu" });
const secrets = at("secrets");
writeFileSync(secrets, "anything at all\n");

interface Forbidden {
  readonly pfn: number;
  readonly start: number;
}

/** Where these pages are in a file. */
function placesOf(path: string, pfns: readonly number[]): Forbidden[] {
  const dump = openDump(path);
  try {
    return pfns.flatMap((pfn) =>
      (segmentsOf(dump) ?? [])
        .filter(({ paddr, filesz }) => paddr <= pfn * PAGE && pfn * PAGE < paddr + filesz)
        .map(({ paddr, offset }) => ({ pfn, start: offset + pfn * PAGE - paddr })),
    );
  } finally {
    dump.close();
  }
}

/** The bytes of the file that nobody may read. */
const forbidden = placesOf(
  vmcore,
  bad.flatMap(({ pfn, count = 1 }) => Array.from({ length: count }, (_, i) => pfn + i)),
);

/** Runs a command on that memory. Returns what it printed; no read may have touched a forbidden page. */
function run(code: number, ...args: readonly string[]): { stdout: string; stderr: string } {
  return runOn(vmcore, forbidden, code, ...args);
}

function runOn(file: string, forbidden: readonly Forbidden[], code: number, ...args: readonly string[]) {
  rmSync(log, { force: true });
  const env = { ...process.env, CORESIEVE_TEST_LIVE: JSON.stringify({ file, log }) };
  const ended = spawnSync(process.execPath, ["--require", preload, program, ...args], { env, encoding: "utf8" });
  expect(ended.status, ended.stderr).toBe(code);
  const reads = readFileSync(log, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" ").map(Number) as [number, number]);
  expect(reads.length).toBeGreaterThan(3);
  const touched = forbidden.filter(({ start }) =>
    reads.some(([offset, length]) => offset < start + PAGE && start < offset + length),
  );
  expect(
    touched.map(({ pfn }) => pfn),
    args.join(" "),
  ).toEqual([]);
  return ended;
}

interface Recorded {
  readonly input: { readonly files: readonly { readonly sha256: string | null; readonly covers: string | null }[] };
}
const recorded = (name: string) => (JSON.parse(readFileSync(at(name), "utf8")) as Recorded).input.files[0];

test("what the level keeps is read, and its manifest has no digest of the memory", () => {
  for (const options of [
    ["-d", "0"],
    ["-d", "31"],
    ["-d", "0", "-E"],
    ["-d", "31", "--dedupe"],
  ]) {
    run(0, vmcore, at("out"), "-f", "--manifest", at("manifest"), "--report", at("run.html"), ...options);
    expect(recorded("manifest")).toMatchObject({ sha256: null, covers: null, withoutDigest: "machine" });
  }
  const { stdout } = run(0, "verify", at("out"), "--manifest", at("manifest"), "--against", vmcore);
  expect(stdout).toContain("nothing is wrong");
});

test("report, estimate, audit, verify and bench leave them alone, and say so", () => {
  run(0, "report", vmcore, "--output", at("page.html"));
  run(0, "estimate", vmcore);
  const { stdout } = run(0, "verify", vmcore);
  expect(stdout).toContain("Not checked: 7 pages with memory errors or given to the hypervisor");
  // Nobody knows what is in them: that is not clean.
  expect(run(1, "audit", vmcore, "--secrets", secrets).stdout).toContain("7 pages that cannot be read");
  run(0, "bench", vmcore, "--runs", "0", "--codec", "zlib");
});

describe("what would be searched for in all memory is not: nobody knows yet which pages have memory errors", () => {
  const whole = readFileSync(vmcore);
  afterEach(() => writeFileSync(vmcore, whole));
  /** Overwrites bytes of the file. */
  const damage = (at: number, bytes: Uint8Array) => {
    const file = Buffer.from(whole);
    file.set(bytes, at);
    writeFileSync(vmcore, file);
  };
  /** Where a physical address is in the file. */
  const inFile = (paddr: number) => {
    const dump = openDump(vmcore);
    const segment = (segmentsOf(dump) ?? []).find((one) => one.paddr <= paddr && paddr < one.paddr + one.filesz);
    dump.close();
    return (segment?.offset ?? 0) + paddr - (segment?.paddr ?? 0);
  };

  test("VMCOREINFO, where the note is wrong", () => {
    damage(whole.indexOf("SYMBOL(init_uts_ns)=ffffffff") + 24, Buffer.from("0000"));
    const { stderr } = run(1, vmcore, at("out"), "-f", "-d", "31");
    expect(stderr).toContain("for others copy it to a file, which may be searched for what is lost");
  });

  test("VMCOREINFO, where there is no note", () => {
    damage(whole.indexOf("VMCOREINFO\0"), Buffer.from("VMCOREJUNK"));
    const { stderr } = run(1, vmcore, at("out"), "-f", "-d", "31");
    expect(stderr).toContain("it has no VMCOREINFO in a note, and a machine's own memory is not searched");
  });

  test("a process's page table, where the kernel's is lost", () => {
    const dump = completeWithKernel(openDump(vmcore), new Warnings()).dump;
    const { space } = kernelView(dump, new Warnings());
    dump.close();
    damage(inFile("root" in space ? space.root : 0), new Uint8Array(PAGE));
    const { stderr } = run(1, vmcore, at("out"), "-f", "-d", "31");
    expect(stderr).toContain("only what lies at fixed places is read");
  });
});

describeWithDumps("a vmlinux's kernel is looked up where the note leads to it", () => {
  test.each([["tiny-x86-6.1"], ["tiny-x86-6.1-nokaslr"]])("%s", async (name) => {
    const { vmcore } = await realDump(name);
    const file = at("real");
    copyFileSync(vmcore, file);
    const dump = openDump(file);
    const poisoned: number[] = [];
    for await (const { pfn, kind } of pagesOf(dump)) if (kind === "hwpoison") poisoned.push(pfn);
    dump.close();
    if (name === "tiny-x86-6.1") expect(poisoned.length).toBeGreaterThan(0);
    const vmlinux = await realVmlinux();
    runOn(file, placesOf(file, poisoned), 0, file, at("out"), "-f", "-d", "31", "-x", vmlinux);
    const found = readFileSync(at("out"));
    const { code } = await runHere([file, at("out"), "-f", "-d", "31", "-x", vmlinux]);
    expect({ code, same: readFileSync(at("out")).equals(found) }).toEqual({ code: 0, same: true });
  });
});

test("a file on a disk has its digest, and a stream gets it while it is read", async () => {
  const whole = createHash("sha256").update(readFileSync(vmcore)).digest("hex");
  const plain = (input: string) => runHere([input, at("out"), "-f", "--manifest", at("manifest")]);
  expect(await plain(vmcore)).toMatchObject({ code: 0 });
  expect(recorded("manifest")).toMatchObject({ sha256: whole, covers: "file" });
  writeFileSync(at("vmcore.gz"), gzipSync(readFileSync(vmcore), { level: 1 }));
  expect(await plain(at("vmcore.gz"))).toMatchObject({ code: 0 });
  expect(recorded("manifest")).toMatchObject({ sha256: whole, covers: "unpacked" });
});
