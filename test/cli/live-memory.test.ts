/** Pages with memory errors, and those that the hypervisor has, are never read where the input is a machine's memory: reading one may stop it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { segmentsOf } from "../../src/reader/attach.js";
import { openDump } from "../../src/reader/open.js";
import { temporaryFolder } from "../support/filter.js";
import { toElf } from "../support/kernel-dump.js";
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
writeFileSync(vmcore, toElf(buildKernel({ memory: 24 * MiB, pages }), { style: "qemu" }));
const secrets = at("secrets");
writeFileSync(secrets, "anything at all\n");

/** The bytes of the file that nobody may read. */
const forbidden = (() => {
  const dump = openDump(vmcore);
  try {
    const pfns = bad.flatMap(({ pfn, count = 1 }) => Array.from({ length: count }, (_, i) => pfn + i));
    return pfns.flatMap((pfn) =>
      (segmentsOf(dump) ?? [])
        .filter(({ paddr, filesz }) => paddr <= pfn * PAGE && pfn * PAGE < paddr + filesz)
        .map(({ paddr, offset }) => ({ pfn, start: offset + pfn * PAGE - paddr })),
    );
  } finally {
    dump.close();
  }
})();

/** Runs a command on that memory. Returns what it printed; no read may have touched a forbidden page. */
function run(code: number, ...args: readonly string[]): { stdout: string; stderr: string } {
  rmSync(log, { force: true });
  const env = { ...process.env, CORESIEVE_TEST_LIVE: JSON.stringify({ file: vmcore, log }) };
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
    expect(recorded("manifest")).toMatchObject({ sha256: null, covers: null });
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

test("a file on a disk has its digest, and a stream gets it while it is read", () => {
  const whole = createHash("sha256").update(readFileSync(vmcore)).digest("hex");
  const plain = (input: string, ...args: string[]) =>
    spawnSync(process.execPath, [program, input, at("out"), "-f", "--manifest", at("manifest"), ...args], {
      encoding: "utf8",
    });
  expect(plain(vmcore)).toMatchObject({ status: 0 });
  expect(recorded("manifest")).toMatchObject({ sha256: whole, covers: "file" });
  writeFileSync(at("vmcore.gz"), gzipSync(readFileSync(vmcore), { level: 1 }));
  expect(plain(at("vmcore.gz"))).toMatchObject({ status: 0 });
  expect(recorded("manifest")).toMatchObject({ sha256: whole, covers: "unpacked" });
});
