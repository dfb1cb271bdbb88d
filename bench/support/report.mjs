import { median, mib, seconds, spread } from "./statistics.mjs";

const CODECS = ["none", "zlib", "lzo", "snappy", "zstd"];

/** The Markdown of a benchmark's results. */
export function report({ dump, reference, comparisons }) {
  const levels = [...new Set(comparisons.map(({ level }) => level))].sort((a, b) => b - a);
  const gib = (dump.memoryBytes / 2 ** 30).toFixed(2);
  return `${[
    "# Benchmark results",
    "",
    "Written by `npm run bench -- DUMP`; the raw numbers are in [results.json](results.json). Every figure is of whole",
    "processes, run in turn (A B A B ...), with the dump in the page cache and the output a new file. Times are medians",
    "in seconds with the least and the most in brackets. Ratios are medians of ratios of neighbouring runs: how many times",
    "as fast coresieve is. The machine is shared and noisy: the load stands below each level. A ratio whose range spans 1",
    "decides nothing, and one run is no median; the CPU ratio is what to go by then, but knows nothing of two cores.",
    "Node is started without NODE_EXTRA_CA_CERTS, which makes it read certificates for 30 ms.",
    "",
    `Dump: ${dump.description}, Linux ${dump.kernelRelease}, ${dump.arch}, ${dump.memoryModel}, ${gib} GiB of memory.`,
    reference ? `Reference: makedumpfile ${reference.version}, with ${reference.codecs.join(", ")}.` : "",
    "",
    "- **C loop**: reads, tests for zero, compresses with the codec's own library and writes the pages that are left, page",
    "  by page (native/pages.c). It is given the list of pages, so at level 31 it lacks the work of finding them.",
    "- **makedumpfile, computed**: stands in where makedumpfile lacks a codec: its time without compression, less that of",
    "  the C loop without compression, plus that of the C loop with the codec.",
    "- **CPU ratio**: the reference's CPU time over coresieve's. Other work on the machine changes it least.",
    "- **codec share**: CPU time of the C loop over that of coresieve, for the same pages: 100 % means no overhead at all.",
    ...levels.flatMap((level) => levelSection(level, comparisons)),
  ].join("\n")}\n`;
}

function levelSection(level, comparisons) {
  const found = CODECS.flatMap((codec) => comparisons.filter((one) => one.level === level && one.codec === codec));
  return [
    "",
    `## Level ${level}`,
    "",
    "| codec | program | wall s | CPU s | codec share | peak MiB | output MiB | pages |",
    "|---|---|---|---|---|---|---|---|",
    ...found.flatMap(programRows),
    "",
    "| codec | against | workers | times as fast | CPU ratio | output size |",
    "|---|---|---|---|---|---|",
    ...found.flatMap(ratioRows),
    "",
    ...found.map(machineLine),
    ...found.flatMap(({ codec, absent }) => absent.map((text) => `- ${codec}: ${text}`)),
  ];
}

function machineLine({ codec, machine, rows }) {
  const { cores, cpu, node, load, pressure, outputOnDisk, commit, date } = machine;
  const where = outputOnDisk ? "" : ", output in a memory file system";
  const waiting = pressure === undefined ? "" : `, ${pressure} % of the last minute waited for a core`;
  const runs = rows[0]?.runs.length ?? 0;
  return `- ${codec}: ${runs} runs, ${date.slice(0, 16)}, ${cores} cores of ${cpu}, Node ${node}, load ${load.join(" ")}${waiting}${where}, commit ${commit ?? "unknown"}`;
}

function programRows({ codec, rows }) {
  const loop = rows.find((row) => row.name === "C loop" || (codec === "none" && row.kind === "loop"));
  return rows.map((row) => {
    if (row.failure) return `| ${codec} | ${row.name} | ${row.failure} | | | | | |`;
    const wall = spread(row.runs.map((run) => run.wall));
    const {
      wall: time,
      cpu,
      rss,
      size,
    } = Object.fromEntries(["wall", "cpu", "rss", "size"].map((key) => [key, median(row.runs.map((run) => run[key]))]));
    const share =
      loop && !loop.failure && row.kind === "coresieve"
        ? `${(100 * median(row.runs.map((run, i) => loop.runs[i].cpu / run.cpu))).toFixed(0)} %`
        : "";
    const range = `${seconds(time)} (${seconds(wall.min)} to ${seconds(wall.max)})`;
    return `| ${codec} | ${row.name} | ${range} | ${seconds(cpu)} | ${share} | ${mib(rss)} | ${mib(size)} | ${row.pages ?? ""} |`;
  });
}

function ratioRows({ codec, rows }) {
  const single = rows.find((row) => row.name === "makedumpfile");
  const threaded = rows.find((row) => row.kind === "makedumpfile" && row.threads > 1);
  const loop = rows.find((row) => row.name === "C loop" || (codec === "none" && row.kind === "loop"));
  const references = [single, faster(single, threaded), computed(rows, loop), loop].filter(Boolean);
  return [...new Set(references)].flatMap((reference) =>
    rows.filter((row) => row.kind === "coresieve").map((row) => ratioRow(codec, reference, row)),
  );
}

function faster(one, other) {
  if (!one || !other || one.failure || other.failure) return one ?? other;
  const time = (row) => median(row.runs.map((run) => run.wall));
  return time(other) < time(one) ? other : one;
}

/** What makedumpfile with a codec that it lacks would take. */
function computed(rows, loop) {
  const plain = rows.find((row) => row.name === "makedumpfile, none");
  const plainLoop = rows.find((row) => row.name === "C loop, none");
  if (!plain || !plainLoop || !loop || plain === loop || plain.failure || plainLoop.failure || loop.failure)
    return undefined;
  const runs = loop.runs.map((run, i) => ({
    ...run,
    wall: Math.max(run.wall, plain.runs[i].wall - plainLoop.runs[i].wall + run.wall),
    cpu: Math.max(run.cpu, plain.runs[i].cpu - plainLoop.runs[i].cpu + run.cpu),
  }));
  return { name: "makedumpfile, computed", pages: plain.pages, runs };
}

function ratioRow(codec, reference, row) {
  const start = `| ${codec} | ${reference.name} | ${row.threads} |`;
  const failure = reference.failure ?? row.failure;
  if (failure) return `${start} no ratio: ${failure} | | |`;
  if (reference.pages !== undefined && reference.pages !== row.pages) {
    return `${start} no ratio: ${reference.pages} pages kept, coresieve ${row.pages} | | |`;
  }
  const ratios = spread(row.runs.map((run, i) => reference.runs[i].wall / run.wall));
  const size = median(row.runs.map((run, i) => run.size / reference.runs[i].size));
  const range = `**${ratios.median.toFixed(2)}** (${ratios.min.toFixed(2)} to ${ratios.max.toFixed(2)})`;
  const cpu = median(row.runs.map((run, i) => reference.runs[i].cpu / run.cpu)).toFixed(2);
  return `${start} ${range} | ${cpu} | ${(100 * size).toFixed(1)} % |`;
}
