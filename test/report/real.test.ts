/** Reports of real dumps: their figures are those of a filter run, and the map's cells are the pages that they count. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { PAGE_KINDS } from "../../src/kernel/page/page-kinds.js";
import { openDump } from "../../src/reader/open.js";
import { collectReport } from "../../src/report/collect-report.js";
import { HOLE } from "../../src/report/page/payload.js";
import { FATES } from "../../src/report/page-states.js";
import type { ReportData } from "../../src/report/report-data.js";
import { RunRecorder } from "../../src/report/run-recorder.js";
import { filterDump, type WholeFilterOptions } from "../../src/run/filter-dump.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const readLog = () => ({ lines: ["the log\n"], before: 0 });

async function reportOf(path: string): Promise<ReportData> {
  const dump = openDump(path);
  try {
    return await collectReport(dump);
  } finally {
    dump.close();
  }
}

async function recordedRun(path: string, changed: Partial<WholeFilterOptions> & { output: { path: string } }) {
  const dump = openDump(path);
  const recorder = new RunRecorder();
  try {
    const options: WholeFilterOptions = {
      ...{ level: 31, format: "kdump", codec: codecOf("zlib", 1), workers: 1 },
      ...changed,
      ...{ observer: recorder, onProgress: (state) => recorder.progress(state) },
    };
    const result = await filterDump(dump, options);
    return { result, data: recorder.data(options, result, readLog(), "test", changed.output.path, 1) };
  } finally {
    dump.close();
  }
}

/** Pages by kind and fate as the cells have them. */
function cellSums({ map }: ReportData): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const state of map.cells) {
    if (state === HOLE) continue;
    const name = `${PAGE_KINDS[state >> 2]} ${FATES[state & 3]}`;
    sums[name] = (sums[name] ?? 0) + 1;
  }
  return sums;
}

function rowSums({ kinds }: ReportData): Record<string, number> {
  const all = kinds.flatMap(({ kind, ...row }) => FATES.map((fate) => [`${kind} ${fate}`, row[fate]] as const));
  return Object.fromEntries(all.filter(([, pages]) => pages > 0));
}

const sum = (data: ReportData, of: (row: ReportData["kinds"][number]) => number) =>
  data.kinds.reduce((total, row) => total + of(row), 0);

describeWithDumps("reports of real dumps", () => {
  const folder = temporaryFolder();

  test.each(["tiny-x86-6.1", "tiny-s390x-6.12", "tiny-arm-6.1-flatmem"])("%s", async (name) => {
    const { vmcore } = await realDump(name);
    const before = await reportOf(vmcore);
    const output = join(folder, name);
    const { result, data } = await recordedRun(vmcore, { output: { path: output } });
    const { classes } = result;

    for (const report of [before, data]) {
      expect(report.map.unit).toBe(1);
      expect(cellSums(report)).toEqual(rowSums(report));
      expect(sum(report, ({ pages }) => pages)).toBe(result.inputPages);
    }
    // What the run kept is what the report of the input said, but for zeros.
    expect(sum(before, ({ kept }) => kept)).toBe(classes.kept + classes.zero);
    expect({ ...before.wouldDrop, kept: 0 }).toEqual({ ...classes, kept: 0, zero: 0 });
    expect(sum(data, ({ kept }) => kept)).toBe(classes.kept);
    expect(sum(data, ({ zero }) => zero)).toBe(classes.zero);
    expect(rowSums(data)).toMatchObject({ "free dropped": expect.any(Number) });
    for (const { kind, kept, zero } of data.kinds) {
      const same = before.kinds.find((row) => row.kind === kind);
      expect({ kind, kept: kept + zero }).toEqual({ kind, kept: same?.kept });
    }
    // The pages' bytes, the page of zeros, and descriptors are the file, but for its head.
    const head =
      statSync(output).size - sum(data, ({ storedBytes }) => storedBytes) - 24 * (classes.kept + classes.zero);
    expect(head).toBeGreaterThan(0);
    expect(head).toBeLessThan(200_000);
    const stages = data.run?.stages.map((stage) => stage.name);
    expect(stages).toEqual(expect.arrayContaining(["Classify pages", "Compress and write", "This report"]));

    // The report of the output: the same kinds, and what was dropped is known to be missing.
    const after = await reportOf(output);
    expect(sum(after, ({ pages }) => pages)).toBe(classes.kept + classes.zero);
    expect(sum(after, ({ absent }) => absent)).toBeGreaterThan(0.9 * classes.free);
    expect(after.wouldDrop).toMatchObject({ cache: 0, user: 0, free: 0, kept: classes.kept + classes.zero });
  });

  test("sizes by the sample are near those of a run", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const before = await reportOf(vmcore);
    const { data } = await recordedRun(vmcore, { output: { path: join(folder, "level0") }, level: 1 });
    for (const { kind, storedBytes, pages } of data.kinds.filter((row) => row.pages > 300)) {
      const sampled = before.kinds.find((row) => row.kind === kind)?.sampled?.bytes ?? 0;
      expect(Math.abs(sampled - storedBytes), kind).toBeLessThan(0.25 * storedBytes + 100 * pages);
    }
  });

  test("ELF output, and a run that strips the dump: its report has neither log nor host", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const elf = await recordedRun(vmcore, {
      output: { path: join(folder, "elf") },
      format: "elf",
      codec: codecOf("none", undefined),
    });
    expect(sum(elf.data, ({ kept }) => kept)).toBe(elf.result.classes.kept);
    expect(elf.data.log.lines).toEqual(["the log\n"]);
    const { data } = await recordedRun(vmcore, { output: { path: join(folder, "private") }, privacy: true });
    expect(data.log).toMatchObject({ lines: [], missing: expect.stringContaining("left out") });
    expect(data.machine.host).toBeUndefined();
  });

  test("a report is no part of a run: the output is the same with and without", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const [one, two, page] = ["one", "two", "page.html"].map((name) => join(folder, name)) as [string, string, string];
    expect((await runHere([vmcore, one, "-c", "-q"])).code).toBe(0);
    expect(await runHere([vmcore, two, "-c", "-q", "--report", page])).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true);
    const html = readFileSync(page, "utf8");
    expect(html.includes("Kernel command line")).toBe(true);
    expect(html.includes("End of the kernel log")).toBe(true);
    expect(html.includes(folder)).toBe(false);

    // Nothing is overwritten, and a run that fails leaves no report.
    expect(await runHere([vmcore, join(folder, "three"), "-q", "--report", page])).toMatchObject({ code: 1 });
    const same = join(folder, "same");
    expect(await runHere([vmcore, same, "-q", "--report", same])).toMatchObject({ code: 2 });
    const none = join(folder, "none.html");
    expect(await runHere([vmcore, join(folder, "full"), "-L", "1K", "-q", "--report", none])).toMatchObject({
      code: 1,
    });
    expect(() => statSync(none)).toThrow();

    const named = join(folder, "dump.html");
    expect(await runHere(["report", vmcore, "--output", named])).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(named, "utf8").includes("Linux 6.1.192-tiny")).toBe(true);
    const json = JSON.parse((await runHere(["report", vmcore, "--output", named, "-f", "--json"])).stdout.toString());
    expect(json).toMatchObject({ output: named, wouldDrop: { kept: expect.any(Number) }, machine: { arch: "x86_64" } });
    const pages = json.kinds.reduce((sum: number, row: { pages: number }) => sum + row.pages, 0);
    expect(pages).toBe(8256);
    expect(json).not.toHaveProperty("map");
    expect(await runHere(["report"])).toMatchObject({ code: 2 });
    expect(await runHere(["report", vmcore, "--output", named])).toMatchObject({ code: 1 });
  });
});
