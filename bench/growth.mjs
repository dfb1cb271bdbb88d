// How time and memory grow with a dump, on synthetic ones of the same make:
//   node bench/growth.mjs [--sizes 1G,4G,16G,64G,256G] [--kept 0.05] [--level 31] [--codec lzo] [--workers 2] [--folder DIR]
// Prints Markdown: CPU time and peak memory of a whole process, and CPU time of the phases in a process that is warm, the
// median of several runs. Outputs go to DIR and are removed at once: 256G with a share of 0.05 needs 7 GB there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { coresieve } from "../dist/bench/contestants.js";
import { runProgram } from "../dist/bench/run-program.js";
import { formatFigure, formatMib, median } from "../dist/bench/statistics.js";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1G,4G,16G,64G,256G" },
    kept: { type: "string", default: "0.05" },
    level: { type: "string", default: "31" },
    codec: { type: "string", default: "lzo" },
    workers: { type: "string", default: "2" },
    folder: { type: "string", default: tmpdir() },
  },
});
const folder = mkdtempSync(join(values.folder, "coresieve-growth-"));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const node = (...args) => execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 24 });
const make = (path, size) => node(here("synthetic.mjs"), path, "--size", size, "--kept", values.kept);
const { level, codec, workers } = values;

/** Small dumps are measured more often. */
function runsFor(pages) {
  return pages < 2 ** 20 ? 21 : pages < 2 ** 23 ? 7 : 3;
}

console.log("| memory | kept pages | wall s | CPU s | peak MiB | output MiB | scan ns/page | write ns/kept page |");
console.log("|---|---|---|---|---|---|---|---|");
try {
  const warmUp = join(folder, "warm-up");
  make(warmUp, "1G");
  for (const size of values.sizes.split(",")) {
    const [dump, out] = [join(folder, "dump"), join(folder, "out")];
    const pages = Number(/: (\d+) MiB/.exec(make(dump, size))[1]) * 256;
    const work = { files: [dump], inputArgs: [], level: Number(level), codec, out };
    const { wall, cpu, rss, failure } = await runProgram(coresieve(work, Number(workers)));
    rmSync(out, { force: true });
    if (failure) throw new Error(`${size}: ${failure}`);
    const runs = String(runsFor(pages));
    const found = JSON.parse(node(here("support/phases.mjs"), warmUp, dump, out, level, codec, workers, runs));
    const scan = (1e9 * median(found.map((run) => run.scan))) / pages;
    const write = (1e9 * median(found.map((run) => run.write))) / (found[0].kept + found[0].zero);
    const cells = [
      size,
      found[0].kept,
      formatFigure(wall),
      formatFigure(cpu),
      formatMib(rss),
      formatMib(found[0].size),
    ];
    console.log(`| ${cells.join(" | ")} | ${scan.toFixed(1)} | ${write.toFixed(0)} |`);
    rmSync(dump);
    rmSync(out, { force: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
