// Compares coresieve with makedumpfile, and with a C loop, on a dump of the user's:
//   npm run bench -- DUMP [--level 31,1] [--codec none,zlib,lzo,snappy,zstd] [--workers 1,2] [--runs 5] [--merge]
//     [--threads 2] [--warm-up 1] [--folder DIR] [--report FILE] [--json FILE]
// Whole processes, in turn, dump in the page cache, output to a file in DIR. Writes bench/RESULTS.md and
// bench/results.json; --merge keeps what they have of other levels and codecs. --threads is makedumpfile's
// --num-threads, 1 to leave that out; MAKEDUMPFILE names another makedumpfile. Where one run takes more than half a minute
// there are three runs at most.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openDump } from "../dist/reader/open.js";
import { cLoop, coresieve, findMakedumpfile, makedumpfile } from "./support/contestants.mjs";
import { machine } from "./support/machine.mjs";
import { measure } from "./support/measure.mjs";
import { buildLoop, writeRuns } from "./support/native.mjs";
import { keptPages } from "./support/outputs.mjs";
import { report } from "./support/report.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    level: { type: "string", default: "31,1" },
    codec: { type: "string", default: "none,zlib,lzo,snappy,zstd" },
    workers: { type: "string", default: "1,2" },
    threads: { type: "string", default: "2" },
    runs: { type: "string", default: "5" },
    "warm-up": { type: "string", default: "1" },
    folder: { type: "string", default: tmpdir() },
    report: { type: "string", default: fileURLToPath(new URL("RESULTS.md", import.meta.url)) },
    json: { type: "string", default: fileURLToPath(new URL("results.json", import.meta.url)) },
    merge: { type: "boolean", default: false },
  },
});
if (positionals.length !== 1) {
  console.error("usage: npm run bench -- DUMP [--level 31,1] [--codec none,zlib] [--workers 1,2] [--runs 5] [--merge]");
  process.exit(2);
}
const path = resolve(positionals[0]);
const numbers = (text) => text.split(",").map(Number);
const workers = numbers(values.workers);
const threads = Number(values.threads);
const rounds = Number(values.runs);
const warmUps = Number(values["warm-up"]);
const folder = mkdtempSync(join(values.folder, "coresieve-bench-"));
const reference = findMakedumpfile();
/** makedumpfile's threads often make it slower; this many times slower than one, they are given up. */
const TOO_SLOW = 3;
/** Of runs that take more seconds than this, a few must do. */
const LONG = 30;
const LONG_ROUNDS = 3;

/** Runs one contestant and leaves nothing behind: its output's pages are counted the first time only. */
async function runOne(contestant, pages, limit) {
  const result = await measure(contestant, limit);
  if (result.failure === undefined) {
    result.size = statSync(contestant.out).size;
    if (pages !== undefined && contestant.kind !== "loop" && !pages.has(contestant.name)) {
      pages.set(contestant.name, keptPages(contestant.out).pages);
    }
  }
  rmSync(contestant.out, { force: true });
  return result;
}

/** Everybody who takes part for a level and a codec, and why others do not. */
function contestantsFor(level, codec, runs) {
  const out = join(folder, "out");
  const list = [];
  const absent = [];
  if (reference === undefined) absent.push("no makedumpfile was found");
  else if (reference.codecs.includes(codec)) {
    list.push(makedumpfile(path, level, codec, 1, out));
    if (threads > 1) list.push(makedumpfile(path, level, codec, threads, out));
    else absent.push("makedumpfile --num-threads was left out");
  } else {
    absent.push(`makedumpfile ${reference.version} here was built without ${codec}`);
    list.push({ ...makedumpfile(path, level, "none", 1, out), name: "makedumpfile, none" });
  }
  const loops = reference?.codecs.includes(codec) ? [codec] : ["none", codec];
  for (const each of runs === undefined ? [] : loops) {
    const { program, missing } = buildLoop(each, folder);
    if (missing) absent.push(missing);
    else list.push({ ...cLoop(program, path, level, each, runs, out), other: each !== codec });
  }
  for (const count of workers) list.push(coresieve(path, level, codec, count, out));
  return { list, absent };
}

async function compare(level, codec, runs) {
  const { list, absent } = contestantsFor(level, codec, runs);
  const pages = new Map();
  const rows = list.map(({ name, kind, threads }) => ({ name, kind, threads, runs: [] }));
  const enough = () => (rows.some(({ failure, last }) => !failure && last > LONG) ? LONG_ROUNDS : rounds);
  for (let round = -warmUps; round < Math.min(rounds, enough()); round++) {
    for (const [i, contestant] of list.entries()) {
      if (rows[i].failure) continue;
      const limit =
        contestant.kind === "makedumpfile" && contestant.threads > 1 ? rows[i - 1].last * TOO_SLOW : undefined;
      const result = await runOne(contestant, pages, limit);
      rows[i].last = result.wall;
      if (round >= 0) rows[i].runs.push(result);
      if (result.failure && result.wall > limit)
        rows[i].failure = `not measured: it takes more than ${TOO_SLOW} times as long as one thread`;
      else if (result.failure) rows[i].failure = result.failure;
      console.error(
        `level ${level} ${codec} ${round < 0 ? "warm-up" : `run ${round + 1}`}: ${contestant.name} ${result.failure ?? `${result.wall.toFixed(2)} s`}`,
      );
    }
  }
  for (const row of rows) row.pages = pages.get(row.name);
  return { level, codec, machine: machine(folder), absent, rows };
}

/** Writes the list of the pages that a level leaves, for the C loop. */
async function runsOf(level) {
  const out = join(folder, "kept");
  const { failure } = await measure(coresieve(path, level, "none", workers.at(-1), out));
  if (failure) throw new Error(`coresieve ${failure}`);
  const { kept, maxMapnr } = keptPages(out);
  rmSync(out);
  const list = join(folder, `runs-${level}`);
  const pages = writeRuns(dump, kept, maxMapnr, list);
  // Header, sub header with the notes, and two bitmaps.
  const { pageSize, noteArea } = dump;
  const head = pageSize * (2 + Math.ceil(noteArea.length / pageSize) + 2 * Math.ceil(maxMapnr / 8 / pageSize));
  return pages === undefined ? undefined : { list, pages, pageSize, head };
}

const dump = openDump(path);
const info = JSON.parse(
  execFileSync(
    process.execPath,
    [fileURLToPath(new URL("../dist/cli/main.js", import.meta.url)), "info", "--json", path],
    {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    },
  ),
);
const { format, description, kernelRelease, arch, pageSize, memoryBytes, fileSize, memoryModel } = info;
const described = { format, description, kernelRelease, arch, pageSize, memoryBytes, fileSize, memoryModel };
const results = { dump: described, reference, comparisons: [] };
if (values.merge && existsSync(values.json)) {
  const before = JSON.parse(readFileSync(values.json, "utf8"));
  if (JSON.stringify(before.dump) !== JSON.stringify(described)) throw new Error("--merge: another dump's results");
  results.comparisons = before.comparisons;
}
try {
  for (const level of numbers(values.level)) {
    const runs = await runsOf(level);
    for (const codec of values.codec.split(",")) {
      const found = await compare(level, codec, runs);
      found.pages = runs?.pages;
      const others = results.comparisons.filter((one) => one.level !== level || one.codec !== codec);
      results.comparisons = [...others, found];
      writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
      writeFileSync(values.report, report(results));
    }
  }
} finally {
  dump.close();
  rmSync(folder, { recursive: true, force: true });
}
