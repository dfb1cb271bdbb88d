import type { BenchMachine, BenchResult, ProgramComparison, ProgramRuns, StageFigures } from "./bench-result.js";
import { formatFigure, formatMib, median } from "./timing.js";

const CODECS = ["none", "zlib", "lzo", "snappy", "zstd"];

/** The measurements as Markdown, after some lines of the caller's. */
export function benchReport(result: Omit<BenchResult, "machine">, intro: readonly string[]): string {
  const { dump, reference, comparisons, stages } = result;
  const levels = [...new Set(comparisons.map(({ level }) => level))].sort((a, b) => b - a);
  const gib = (dump.memoryBytes / 2 ** 30).toFixed(2);
  const model = dump.memoryModel === undefined ? "" : `, ${dump.memoryModel}`;
  const facts = [
    `Dump: ${dump.description}, ${dump.kernelRelease === undefined ? "kernel unknown" : `Linux ${dump.kernelRelease}`}, ${dump.arch}${model}, ${gib} GiB of memory.`,
    ...(reference ? [`Reference: makedumpfile ${reference.version}, with ${reference.codecs.join(", ")}.`] : []),
  ];
  const sections = [...stageSection(stages), ...levels.flatMap((level) => levelSection(level, comparisons))];
  return `${[...intro, ...facts, "", ...legend(comparisons), ...sections].join("\n")}\n`;
}

function legend(comparisons: readonly ProgramComparison[]): string[] {
  const rows = comparisons.flatMap((one) => one.rows);
  const lines: string[] = [];
  if (comparisons.length > 0) {
    lines.push(
      "Whole programs run in turn (A B A B ...), after runs that are not counted where they take a few seconds only; the output",
      "is a new file. Times are medians, with the least and the most in brackets.",
    );
  }
  if (rows.some(({ kind }) => kind !== "coresieve")) {
    lines.push(
      "",
      "- **times as fast**: median of the ratios of neighbouring runs. A ratio whose range spans 1 decides nothing.",
      "- **CPU ratio**: the reference's CPU time over coresieve's. Other work on the machine changes it least, but it knows",
      "  nothing of the number of cores.",
    );
  }
  if (rows.some(({ kind }) => kind === "loop")) {
    lines.push(
      "- **C loop**: reads, tests for zero, compresses with the codec's own library and writes the pages that are left, page",
      "  by page (native/pages.c). It is given the list of pages, so at level 31 it lacks the work of finding them.",
      "- **makedumpfile, computed**: stands in where makedumpfile lacks a codec: its time without compression, less that of",
      "  the C loop without compression, plus that of the C loop with the codec.",
      "- **codec share**: CPU time of the C loop over that of coresieve, for the same pages: 100 % means no overhead at all.",
    );
  }
  return lines;
}

function stageSection(stages: StageFigures | undefined): string[] {
  if (stages === undefined) return [];
  const speed = (bytes: number, seconds: number) => (bytes === 0 ? "" : (bytes / seconds / 2 ** 20).toFixed(0));
  const each = (count: number, seconds: number) => (count === 0 ? "" : ((seconds * 1e9) / count).toFixed(0));
  return [
    "",
    "## Stages",
    "",
    `One thread, in one process, one stage after the other; zero test and codecs over ${stages.samplePages} pages that level`,
    `${stages.level} keeps and that are not all zero.`,
    "",
    "| stage | of | wall s | CPU s | MiB/s | CPU ns each |",
    "|---|---|---|---|---|---|",
    ...stages.stages.map(({ name, unit, count, bytes, wall, cpu }) => {
      const of = count === 0 ? "" : `${count} ${unit}`;
      return `| ${name} | ${of} | ${formatFigure(wall)} | ${formatFigure(cpu)} | ${speed(bytes, wall)} | ${each(count, cpu)} |`;
    }),
    ...stages.codecs.map(({ codec, level, bytes, wall, cpu }) => {
      const name = level === undefined ? codec : `${codec} ${level}`;
      const ns = each(stages.samplePages, cpu);
      return `| compress: ${name} | ${stages.samplePages} pages | ${formatFigure(wall)} | ${formatFigure(cpu)} | ${speed(bytes, wall)} | ${ns} |`;
    }),
    "",
    "| codec | size of what is kept |",
    "|---|---|",
    ...stages.codecs.map(({ codec, bytes, stored }) => `| ${codec} | ${((100 * stored) / bytes).toFixed(1)} % |`),
    "",
    `- ${machineText(stages.machine)}`,
  ];
}

function levelSection(level: number, comparisons: readonly ProgramComparison[]): string[] {
  const found = CODECS.flatMap((codec) => comparisons.filter((one) => one.level === level && one.codec === codec));
  const loops = found.some(({ rows }) => rows.some(({ kind }) => kind === "loop"));
  const ratios = found.flatMap(ratioRows);
  return [
    "",
    `## Level ${level}`,
    "",
    `| codec | program | wall s | CPU s |${loops ? " codec share |" : ""} peak MiB | output MiB | pages |`,
    `|---|---|---|---|${loops ? "---|" : ""}---|---|---|`,
    ...found.flatMap((one) => programRows(one, loops)),
    ...(ratios.length === 0
      ? []
      : [
          "",
          "| codec | against | workers | times as fast | CPU ratio | output size |",
          "|---|---|---|---|---|---|",
          ...ratios,
        ]),
    "",
    ...found.map(({ codec, machine, rows }) => `- ${codec}: ${runsText(rows)}, ${machineText(machine)}`),
    ...found.flatMap(({ codec, absent }) => absent.map((text) => `- ${codec}: ${text}`)),
  ];
}

function runsText(rows: readonly ProgramRuns[]): string {
  const runs = Math.max(0, ...rows.map((row) => row.runs.length));
  return runs === 1 ? "1 run" : `${runs} runs`;
}

function machineText({ cores, cpu, node, coresieve, load, pressure, outputOnDisk, date }: BenchMachine): string {
  const where = outputOnDisk ? "" : ", output in a memory file system";
  const waiting = pressure === undefined ? "" : `, ${pressure} % of the last minute waited for a core`;
  const version = coresieve === undefined ? "" : `, coresieve ${coresieve}`;
  return `${date.slice(0, 16)}, ${cores} cores of ${cpu}, Node ${node}${version}, load ${load.join(" ")}${waiting}${where}`;
}

function loopOf({ codec, rows }: ProgramComparison): ProgramRuns | undefined {
  return rows.find((row) => row.name === "C loop" || (codec === "none" && row.kind === "loop"));
}

function programRows(comparison: ProgramComparison, loops: boolean): string[] {
  const { codec, rows } = comparison;
  const loop = loopOf(comparison);
  return rows.map((row) => {
    if (row.failure !== undefined) return `| ${codec} | ${row.name} | ${row.failure} | |${loops ? " |" : ""} | | |`;
    const walls = row.runs.map(({ wall }) => wall);
    const range = `${formatFigure(median(walls))} (${formatFigure(Math.min(...walls))} to ${formatFigure(Math.max(...walls))})`;
    const of = (key: "cpu" | "rss" | "size") => median(row.runs.map((run) => run[key] ?? Number.NaN));
    const shared = loop !== undefined && loop.failure === undefined && row.kind === "coresieve";
    const share = shared ? percent(ratios(loop, row, "cpu"), 0) : "";
    return `| ${codec} | ${row.name} | ${range} | ${formatFigure(of("cpu"))} |${loops ? ` ${share} |` : ""} ${formatMib(of("rss"))} | ${formatMib(of("size"))} | ${row.pages ?? ""} |`;
  });
}

/** For each run, the reference's time divided by the row's. */
function ratios(reference: ProgramRuns, row: ProgramRuns, key: "wall" | "cpu"): number[] {
  const length = Math.min(reference.runs.length, row.runs.length);
  return Array.from(
    { length },
    (_, i) => (reference.runs[i]?.[key] ?? Number.NaN) / (row.runs[i]?.[key] ?? Number.NaN),
  );
}

function percent(values: readonly number[], digits: number): string {
  const value = median(values);
  return Number.isFinite(value) ? `${(100 * value).toFixed(digits)} %` : "";
}

function ratioRows(comparison: ProgramComparison): string[] {
  const { codec, rows } = comparison;
  const single = rows.find((row) => row.name === "makedumpfile");
  const threaded = rows.find((row) => row.kind === "makedumpfile" && row.threads > 1);
  const loop = loopOf(comparison);
  const references = new Set([single, faster(single, threaded), computed(rows, loop), loop]);
  return [...references].flatMap((reference) =>
    reference === undefined
      ? []
      : rows.filter((row) => row.kind === "coresieve").map((row) => ratioRow(codec, reference, row)),
  );
}

function faster(one: ProgramRuns | undefined, other: ProgramRuns | undefined): ProgramRuns | undefined {
  if (one === undefined || other === undefined || one.failure !== undefined || other.failure !== undefined) return one;
  const time = (row: ProgramRuns) => median(row.runs.map(({ wall }) => wall));
  return time(other) < time(one) ? other : one;
}

/** The estimated time of makedumpfile with a codec that it lacks. */
function computed(rows: readonly ProgramRuns[], loop: ProgramRuns | undefined): ProgramRuns | undefined {
  const plain = rows.find((row) => row.name === "makedumpfile, none");
  const plainLoop = rows.find((row) => row.name === "C loop, none");
  if (plain === undefined || plainLoop === undefined || loop === undefined || plain === loop) return undefined;
  if ([plain, plainLoop, loop].some(({ failure }) => failure !== undefined)) return undefined;
  const runs = loop.runs.map((run, i) => {
    const added = (key: "wall" | "cpu") => {
      const own = run[key] ?? Number.NaN;
      return Math.max(own, (plain.runs[i]?.[key] ?? Number.NaN) - (plainLoop.runs[i]?.[key] ?? Number.NaN) + own);
    };
    return { ...run, wall: added("wall"), cpu: added("cpu") };
  });
  return { ...plain, name: "makedumpfile, computed", runs };
}

function ratioRow(codec: string, reference: ProgramRuns, row: ProgramRuns): string {
  const more = (reference.pages ?? 0) - (row.pages ?? 0);
  const others = reference.pages === undefined || row.pages === undefined || more === 0;
  const unequal = others ? "" : ` (keeps ${Math.abs(more)} pages ${more > 0 ? "more" : "fewer"})`;
  const start = `| ${codec} | ${reference.name}${unequal} | ${row.threads} |`;
  const failure = row.failure ?? reference.failure;
  if (failure !== undefined) return `${start} ${failure} | | |`;
  const times = ratios(reference, row, "wall");
  const range = `**${median(times).toFixed(2)}** (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)})`;
  const cpu = median(ratios(reference, row, "cpu"));
  const sizes = row.runs.map((run, i) => (run.size ?? Number.NaN) / (reference.runs[i]?.size ?? Number.NaN));
  return `${start} ${range} | ${Number.isFinite(cpu) ? cpu.toFixed(2) : ""} | ${percent(sizes, 1)} |`;
}
