// How time and memory grow with a dump, on synthetic ones of the same make:
//   node bench/growth.mjs [--sizes 1G,16G,256G,1T] [--kept 0.01] [--level 31] [--codec lzo] [--workers 2] [--folder DIR]
// Prints Markdown. The output goes to DIR and is removed at once.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { coresieve } from "./support/contestants.mjs";
import { measure } from "./support/measure.mjs";
import { keptPages } from "./support/outputs.mjs";
import { mib, seconds } from "./support/statistics.mjs";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1G,16G,256G,1T" },
    kept: { type: "string", default: "0.01" },
    level: { type: "string", default: "31" },
    codec: { type: "string", default: "lzo" },
    workers: { type: "string", default: "2" },
    folder: { type: "string", default: tmpdir() },
  },
});
const folder = mkdtempSync(join(values.folder, "coresieve-growth-"));
const synthetic = fileURLToPath(new URL("synthetic.mjs", import.meta.url));
console.log("| memory | pages left | wall s | CPU s | CPU ns a page of memory | peak MiB | output MiB |");
console.log("|---|---|---|---|---|---|---|");
try {
  for (const size of values.sizes.split(",")) {
    const dump = join(folder, "dump");
    const out = join(folder, "out");
    const made = execFileSync(process.execPath, [synthetic, dump, "--size", size, "--kept", values.kept], {
      encoding: "utf8",
    });
    const pages = Number(/: (\d+) MiB/.exec(made)[1]) * 256;
    const run = coresieve(dump, Number(values.level), values.codec, Number(values.workers), out);
    const { wall, cpu, rss, failure } = await measure(run);
    if (failure) console.log(`| ${size} | ${failure} | | | | | |`);
    else {
      const each = ((cpu * 1e9) / pages).toFixed(1);
      const left = keptPages(out).pages;
      const bytes = statSync(out).size;
      console.log(`| ${size} | ${left} | ${seconds(wall)} | ${seconds(cpu)} | ${each} | ${mib(rss)} | ${mib(bytes)} |`);
    }
    rmSync(dump, { force: true });
    rmSync(out, { force: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
