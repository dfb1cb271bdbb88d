// How time and memory grow with a dump: node bench/growth.mjs --help
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { coresieve } from "../dist/bench/contestants.js";
import { runProgram } from "../dist/bench/run-program.js";
import { formatFigure, formatMib } from "../dist/bench/timing.js";
import { CODECS, list, number, oneOf, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/growth.mjs [options]: how time and memory grow with a dump

Makes synthetic dumps of several sizes, all of the same make, filters each, and
prints two tables in Markdown. Outputs are removed at once: 256G with a share of
0.05 needs 7 GB. Needs npm run build.

The first table: wall clock, CPU time and peak memory of a whole process, the
run with the least CPU time; and CPU time of pass 1 and of pass 2 with the
writing, in a process that is warm, the least of several runs. "alone" is what
a page costs beyond those of a dump of 256 MiB: without what any run takes, and
without the first section, whose pages are the kernel's.

The second table: CPU time a page of the stages, as coresieve bench has them:
medians over samples of the dump.

  --sizes LIST      (default 1G,4G,16G,64G,256G)
  --kept SHARE      of the pages that level 31 keeps (default 0.05)
  --level N         dump level (default 31)
  --codec NAME      (default lzo)
  --workers N       (default 2)
  --runs N          of each; more for small dumps (default 3)
  --folder DIR      where dumps and outputs go (default the system's)
  --help            print this text
`;

const size = {
  wants: "sizes as 1G",
  read: (value) => (/^\d+(\.\d+)?[MGT]$/.test(value) ? value : undefined),
};
const { values } = readOptions(HELP, {
  sizes: list("1G,4G,16G,64G,256G", size),
  kept: number(0.05, 0.001, 1),
  level: whole(31, 0, 31),
  codec: oneOf("lzo", CODECS),
  workers: whole(2, 1, 64),
  runs: whole(3, 1),
  folder: text(tmpdir()),
});
const BASE = "256M";
const { level, codec, workers } = values;
const folder = mkdtempSync(join(values.folder, "coresieve-growth-"));
const [dump, out] = [join(folder, "dump"), join(folder, "out")];
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const node = (...args) => execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 24 });
const make = (path, bytes) => node(here("synthetic.mjs"), path, "--size", bytes, "--kept", String(values.kept));

/** Small dumps are measured more often. */
function runsFor(pages) {
  return Math.max(values.runs, pages < 2 ** 20 ? 21 : pages < 2 ** 23 ? 7 : 0);
}

/** The whole run that took the least CPU time. */
async function wholeRun() {
  let best;
  for (let i = 0; i < values.runs; i++) {
    const run = await runProgram(coresieve({ files: [dump], inputArgs: [], level, codec, out }, workers));
    rmSync(out, { force: true });
    if (run.failure) throw new Error(run.failure);
    if (best === undefined || run.cpu < best.cpu) best = run;
  }
  return best;
}

/** The least CPU seconds of pass 1 and of pass 2 in a warm process, and the pages that each is about. */
function phases(pages, warmUp) {
  const args = [warmUp, dump, out, level, codec, workers, runsFor(pages)].map(String);
  const runs = JSON.parse(node(here("support/phases.mjs"), ...args));
  rmSync(out, { force: true });
  const least = (key) => Math.min(...runs.map((run) => run[key]));
  const [{ kept, zero, size }] = runs;
  return { pages, kept: kept + zero, size, scan: least("scan"), write: least("write") };
}

/** CPU nanoseconds a page of the stages, by name. */
function stages() {
  const main = here("../dist/cli/main.js");
  const args = ["bench", dump, "--runs", "0", "--level", String(level), "--codec", codec, "--folder", folder, "-q"];
  const { stages } = JSON.parse(node(main, ...args, "--json"));
  const a = (unit, { cpu, count }) => `${((1e9 * cpu) / count).toFixed(unit)}`;
  const of = (name) => stages.stages.find((one) => one.name === name);
  const [packed] = stages.codecs;
  return [
    a(1, of("scan (pass 1)")),
    a(0, of("read")),
    a(0, of("zero test")),
    a(0, { cpu: packed.cpu, count: packed.bytes / 4096 }),
    packed.stored / packed.bytes,
  ];
}

const second = [];
try {
  const warmUp = join(folder, "warm-up");
  make(warmUp, "1G");
  make(dump, BASE);
  const base = phases(2 ** 16, warmUp);
  rmSync(dump);
  console.log(`${codec}, level ${level}, ${workers} workers, ${100 * values.kept} % kept\n`);
  console.log(
    "| memory | kept pages | wall s | CPU s | peak MiB | output MiB | scan ns/page | alone | write ns/kept page | alone |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
  for (const memory of values.sizes) {
    const pages = Number(/: (\d+) MiB/.exec(make(dump, memory))[1]) * 256;
    const { wall, cpu, rss } = await wholeRun();
    const found = phases(pages, warmUp);
    const a = (key, count) => (1e9 * found[key]) / found[count];
    const alone = (key, count) => (1e9 * (found[key] - base[key])) / (found[count] - base[count]);
    const cells = [
      memory,
      found.kept,
      formatFigure(wall),
      formatFigure(cpu),
      formatMib(rss),
      formatMib(found.size),
      a("scan", "pages").toFixed(1),
      alone("scan", "pages").toFixed(1),
      a("write", "kept").toFixed(0),
      alone("write", "kept").toFixed(0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
    const [scan, read, zero, pack, share] = stages();
    second.push(`| ${[memory, scan, read, zero, pack].join(" | ")} | ${(100 * share).toFixed(1)} % |`);
    rmSync(dump);
  }
  console.log(`\n| memory | scan ns/struct page | read ns/page | zero test | ${codec} | size |`);
  console.log("|---|---|---|---|---|---|");
  console.log(second.join("\n"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
