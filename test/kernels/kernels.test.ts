/**
 * Real kernels, dump by dump (support.ts says which): filtered at all levels and compared with makedumpfile where that reads the machine, with
 * the kernel's own page flags and pages of known content where they are beside the dump; --privacy, verify, audit, dmesg, report; and
 * the ELF output read by gdb and drgn. A row for each dump is printed at the end.
 */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kernelOf, openDump, openInput, pagesOf as pagesOfDump, verifyDump } from "../../src/index.js";
import { runCli } from "../support/cli.js";
import { compareKdumpWithElf } from "../support/compare-pages.js";
import { filterFile } from "../support/filter.js";
import { bitmapSet } from "../support/golden.js";
import { contradictions, keptOnPurpose, pagesOf } from "../support/kernel-flags.js";
import type { KernelSeen } from "../support/kernels-seen.js";
import { openKdump } from "../support/other-kdump.js";
import { kernelDumps, modelOf, other, outputFolder, writeSeen } from "./support.js";

const LEVELS = Array.from({ length: 32 }, (_, level) => level);
const folder = outputFolder();
const dumps = kernelDumps();
const seen: KernelSeen[] = [];
const rows: string[] = [];

afterAll(() => {
  writeSeen(seen);
  console.log(
    ["| dump | kernel | tasks | makedumpfile | flags | gdb | drgn |", "|---|---|---|---|---|---|---|", ...rows].join(
      "\n",
    ),
  );
});

test("there is a dump to look at", () => {
  expect(dumps.length).toBeGreaterThan(0);
});

describe.each(dumps)("$name", (dump) => {
  const { name } = dump;
  const output = join(folder, `${name}.out`);
  const theirs = join(folder, `${name}.theirs`);
  /** What the row says. */
  const said = {
    release: "",
    tasks: "",
    makedumpfile: "not asked",
    flags: "not there",
    gdb: "not there",
    drgn: "not there",
  };
  let model: KernelSeen | undefined;
  let failed = 0;
  const step = (what: string, run: () => Promise<void>) =>
    test(what, async () => {
      failed++;
      await run();
      failed--;
    });

  afterAll(() => {
    for (const path of [output, theirs, `${output}.in`]) rmSync(path, { force: true });
    if (failed === 0 && model !== undefined) seen.push(model);
    const { release, tasks, makedumpfile, flags, gdb, drgn } = said;
    rows.push(`| ${name} | ${release} | ${tasks} | ${makedumpfile} | ${flags} | ${gdb} | ${drgn} |`);
  });

  step("info", async () => {
    const { code, stdout } = await runCli(["info", "--json", await dump.vmcore()]);
    const info = JSON.parse(stdout.toString());
    expect({ code, filtering: info.filtering }).toEqual({
      code: 0,
      filtering: { possible: true, reason: null, cure: null },
    });
    said.release = info.kernelRelease;
    // A machine of another byte order than ours once had no tasks.
    if (await hasTypes(await dump.vmcore())) expect(info.tasks?.total).toBeGreaterThan(20);
    said.tasks = `${info.tasks?.total ?? "no types"}`;
    const memoryModel = modelOf(info.memoryModel, await isVirtuallyMapped(await dump.vmcore()));
    const [release = ""] = /^\d+\.\d+/.exec(info.kernelRelease) ?? [];
    if (memoryModel !== undefined) model = { name, arch: info.arch, release, pageSize: info.pageSize, memoryModel };
  });

  step("every level: the pages of makedumpfile, where it reads the machine", async () => {
    const vmcore = await dump.vmcore();
    const version = /version (\S+)/.exec(other("makedumpfile", ["-v"])?.text ?? "")?.[1];
    // Where the newer system sees it.
    const input = `${output}.in`;
    rmSync(input, { force: true });
    const { copyFileSync } = await import("node:fs");
    copyFileSync(vmcore, input);
    let compared = 0;
    // Of a kernel newer than it knows it says so, and its own set may be wrong: 1.7.8 drops the tails of 7.2's slabs as users' pages.
    let unsure = false;
    let different = 0;
    for (const level of LEVELS) {
      const { classes, inputPages, beyondMemMap } = await filterFile(vmcore, output, { level });
      const ours = bitmapsOf(output);
      expect(ours.kept.count, `level ${level}`).toBe(classes.kept + classes.zero);
      expect(Object.values(classes).reduce((sum, n) => sum + n)).toBe(inputPages - beyondMemMap);
      if (version === undefined) continue;
      rmSync(theirs, { force: true });
      const run = other("makedumpfile", ["-d", `${level}`, input, theirs]);
      if (run?.status !== 0 || !existsSync(theirs) || bitmapsOf(theirs).pageSize !== ours.pageSize) {
        // Of a machine that it was not built for it makes levels 0 and 1 at most, in pages of its own machine.
        expect(compared, `level ${level}`).toBeLessThanOrEqual(2);
        said.makedumpfile = `${version} does not read it`;
        continue;
      }
      unsure ||= run.text.includes("The kernel version is not supported");
      const known = bitmapsOf(theirs);
      if (!unsure) expect({ level, ...ours }).toEqual({ level, ...known });
      if (known.kept.sha256 !== ours.kept.sha256) different++;
      compared++;
    }
    const doubt = unsure ? ", says that it does not know this kernel" : "";
    if (compared > 2) said.makedumpfile = `${version}: equal at ${compared - different} of ${compared} levels${doubt}`;
  });

  step("level 31: the original's bytes; the kernel's own flags, and pages of known content", async () => {
    const vmcore = await dump.vmcore();
    await filterFile(vmcore, output, { level: 31 });
    expect(compareKdumpWithElf(output, vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
    const [kpageflags, truth] = [await dump.beside("kpageflags.bin"), await dump.beside("truth.txt")];
    const { kept, exists } = pagesOf(output);
    if (kpageflags !== undefined) {
      const { droppedOther, ...wrong } = contradictions({ kpageflags }, exists, kept);
      // A page may be freed, or used, between the reading of the flags and the dump: some hundred, as in test/filter/real-machines.test.ts.
      const most = Math.max(500, exists.length / 50);
      for (const [what, count] of Object.entries(wrong))
        expect(count, what).toBeLessThanOrEqual(what.startsWith("kept") ? most : 0);
      expect(droppedOther).toBeLessThanOrEqual(most);
      said.flags = `${Object.values(wrong).reduce((sum, n) => sum + n, 0)} contradict, ${droppedOther} freed since`;
    }
    if (truth !== undefined) {
      const { free = 0, ...wrong } = keptOnPurpose({ truth }, kept);
      expect(wrong).toEqual({});
      said.flags += `, ${free} on CPUs' lists`;
    }
  });

  step("--privacy: no canary of a user is left, and verify finds nothing", async () => {
    const vmcore = await dump.vmcore();
    const { privacy } = await filterFile(vmcore, output, { level: 31, privacy: true });
    expect(privacy).toBeDefined();
    for (const text of ["USERCANARY-", "CACHECANARY-", "FREECANARY-"]) {
      expect(pagesFullOf(output, text), text).toBe(0);
    }
    expect((await verifyDump(output)).findings).toEqual([]);
  });

  step("verify against the original, audit, dmesg, report", async () => {
    const vmcore = await dump.vmcore();
    await filterFile(vmcore, output, { level: 31, codec: "lzo" });
    expect((await verifyDump(output, { against: vmcore })).findings).toEqual([]);
    const audit = await runCli(["audit", "--json", output]);
    expect([0, 1, 2, 3, 4, 5]).toContain(audit.code);
    expect(JSON.parse(audit.stdout.toString()).kernelRelease).toBe(said.release);
    const [before, after] = [await runCli(["dmesg", vmcore]), await runCli(["dmesg", output])];
    expect({ code: after.code, same: after.stdout.equals(before.stdout) }).toEqual({ code: 0, same: true });
    expect(after.stdout.toString().split("\n").length).toBeGreaterThan(20);
    const report = await runCli(["report", output, "--output", `${output}.html`]);
    expect(report.code).toBe(0);
    expect(statSync(`${output}.html`).size).toBeGreaterThan(10_000);
    rmSync(`${output}.html`);
  });

  step("ELF: gdb and drgn read the release at its virtual address", async () => {
    const vmcore = await dump.vmcore();
    await filterFile(vmcore, output, { level: 31, format: "elf" });
    const opened = openDump(output);
    const items = opened.vmcoreinfo?.items ?? new Map<string, string>();
    const start = opened.vmcoreinfo?.symbol("init_uts_ns") ?? 0n;
    opened.close();
    const at = (start + BigInt(items.get("OFFSET(uts_namespace.name)") ?? 4) + 130n).toString(16);
    const gdb = other("gdb-multiarch", ["-nx", "-batch", "-ex", `x/s 0x${at}`, "-c", output]);
    if (gdb !== undefined) {
      expect(gdb.text).toContain(`"${said.release}"`);
      said.gdb = "release";
    }
    // Older ones take no script in their arguments.
    const script = `${output}.py`;
    writeFileSync(script, `print(prog.read(0x${at}, ${said.release.length}).decode())\n`);
    const drgn = other("drgn", ["-q", "--no-default-symbols", "-c", output, script]);
    rmSync(script);
    if (drgn !== undefined) {
      expect(drgn.text).toContain(said.release);
      said.drgn = "release";
    }
  });
});

/** Whether all struct pages lie in one array of virtual memory: the last is where the first two say. */
async function isVirtuallyMapped(vmcore: string): Promise<boolean> {
  const opened = openDump(vmcore);
  const places: { readonly pfn: number; readonly address: bigint }[] = [];
  for await (const { pfn, structAddress } of pagesOfDump(opened)) {
    if (places.length === 3) places.pop();
    if (structAddress !== undefined) places.push({ pfn, address: structAddress });
  }
  opened.close();
  const [first, second, last] = places;
  if (first === undefined || second === undefined || last === undefined || second.pfn !== first.pfn + 1) return false;
  return last.address - first.address === BigInt(last.pfn - first.pfn) * (second.address - first.address);
}

/** Whether the kernel says that it has its types. */
async function hasTypes(vmcore: string): Promise<boolean> {
  const opened = await openInput(vmcore);
  const found = kernelOf(opened).symbol("__start_BTF") !== undefined;
  opened.close();
  return found;
}

function bitmapsOf(path: string) {
  const { bitmap1, bitmap2, facts, close } = openKdump(path);
  close();
  return { kept: bitmapSet(bitmap2), ram: bitmapSet(bitmap1), maxMapnr: facts.maxPfn, pageSize: facts.blockSize };
}

/** Copies of a text in a piece of 4 KiB that only a page has which was filled with it: the texts stand in the guest's program, too, once each. */
const FULL = 32;

/** Pieces of an uncompressed file that are full of a text. */
function pagesFullOf(path: string, text: string): number {
  const bytes = readFileSync(path);
  const counts = new Map<number, number>();
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    counts.set(at >> 12, (counts.get(at >> 12) ?? 0) + 1);
  }
  return [...counts.values()].filter((count) => count >= FULL).length;
}
