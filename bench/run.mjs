// Makes bench/RESULTS.md and results.json: node bench/run.mjs --help
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { benchDump } from "../dist/bench/bench-dump.js";
import { outputPages } from "../dist/bench/compare-programs.js";
import { coresieve, findMakedumpfile } from "../dist/bench/contestants.js";
import { openDump } from "../dist/reader/open.js";
import { buildLoop, cLoop, writeRuns } from "./support/native.mjs";
import { CODECS, flag, list, oneOf, readOptions, text, whole } from "./support/options.mjs";
import { resultsText } from "./support/results.mjs";

const { version: packageVersion } = createRequire(import.meta.url)("../package.json");
const HELP = `npm run bench -- DUMP [options]: makes bench/RESULTS.md and results.json
(or node bench/run.mjs after npm run build)

coresieve bench of a dump of the user's against makedumpfile, with a C loop
beside it. Of a dump of 5 GiB level 31 takes 3 minutes, level 1 some 20, half of
that zlib. MAKEDUMPFILE in the environment names another makedumpfile.

  --level LIST      dump levels (default 31,1)
  --codec LIST      (default none,zlib,lzo,snappy,zstd)
  --workers LIST    numbers of workers (default 1,2)
  --threads N       makedumpfile's --num-threads, 1 to leave that out
                    (default 2)
  --runs N          of each contestant, in turns (default 5)
  --warm-up N       runs before those that count (default 1)
  --folder DIR      where outputs go (default the system's)
  --no-stages       without the table of the stages
  --merge           keep what the files have of other levels and codecs, and
                    with --no-stages their stages
  --report FILE     (default bench/RESULTS.md)
  --json FILE       (default bench/results.json)
  --help            print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    level: list("31,1", whole(31, 0, 31)),
    codec: list(CODECS.join(","), oneOf("", CODECS)),
    workers: list("1,2", whole(1, 1, 64)),
    threads: whole(2, 1, 1024),
    runs: whole(5, 1),
    "warm-up": whole(1, 0),
    folder: text(tmpdir()),
    report: text(fileURLToPath(new URL("RESULTS.md", import.meta.url))),
    json: text(fileURLToPath(new URL("results.json", import.meta.url))),
    merge: flag(),
    "no-stages": flag(),
  },
  [1, 1],
);
const path = resolve(files[0]);
const { workers } = values;
const lists = mkdtempSync(join(values.folder, "coresieve-loop-"));
const dump = openDump(path);
const reference = tryMakedumpfile(process.env.MAKEDUMPFILE ?? "makedumpfile");

function tryMakedumpfile(program) {
  try {
    return findMakedumpfile(program);
  } catch {
    return undefined;
  }
}

function version() {
  const { stdout } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" });
  return stdout?.trim() ? `${packageVersion} (commit ${stdout.trim()})` : packageVersion;
}

/** By level: the list of the pages that it leaves, for the C loop. */
const runs = new Map();
function runsOf(work) {
  const known = runs.get(work.level);
  if (known !== undefined) return known;
  const out = join(lists, "kept");
  const { file, args } = coresieve({ ...work, codec: "none", out }, workers.at(-1));
  execFileSync(file, args, { stdio: ["ignore", "ignore", "inherit"] });
  const { kept, maxMapnr } = outputPages(out);
  rmSync(out);
  const list = join(lists, `runs-${work.level}`);
  const pages = writeRuns(dump, kept, maxMapnr, list);
  // Header, sub header with the notes, and two bitmaps.
  const { pageSize, noteArea } = dump;
  const head = pageSize * (2 + Math.ceil(noteArea.length / pageSize) + 2 * Math.ceil(maxMapnr / 8 / pageSize));
  const found = { list: pages === undefined ? undefined : list, pageSize, head };
  runs.set(work.level, found);
  return found;
}

function loops(work) {
  const kept = runsOf(work);
  const list = [];
  const absent = [];
  if (kept.list === undefined) return { list, absent: ["no C loop: pages do not lie in the file as they are"] };
  // Where makedumpfile lacks the codec, its time is computed by way of the loop without one.
  for (const codec of new Set(reference?.codecs.includes(work.codec) ? [work.codec] : ["none", work.codec])) {
    const { program, missing } = buildLoop(codec, lists);
    if (missing) absent.push(missing);
    else list.push(cLoop(program, work, codec, kept));
  }
  return { list, absent };
}

const results = { dump: undefined, reference, comparisons: [] };
const before = values.merge && existsSync(values.json) ? JSON.parse(readFileSync(values.json, "utf8")) : undefined;
if (before !== undefined && before.dump.fileSize !== dump.fileSize) throw new Error("--merge: another dump's results");
Object.assign(results, before, { reference });

function write() {
  writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(values.report, resultsText(results));
}

try {
  await benchDump(dump, {
    files: [path],
    levels: values.level,
    codecs: values.codec,
    workers,
    runs: values.runs,
    warmUps: values["warm-up"],
    // The list of pages for the C loop takes a whole run.
    cached: true,
    reference,
    threads: values.threads,
    stages: !values["no-stages"],
    parent: values.folder,
    version: version(),
    inputArgs: [],
    complete: {},
    others: loops,
    say: (text) => console.error(text),
    onBegin(dump, stages) {
      Object.assign(results, { dump }, stages && { stages });
      write();
    },
    onComparison(done) {
      const others = results.comparisons.filter((one) => one.level !== done.level || one.codec !== done.codec);
      results.comparisons = [...others, done];
      write();
    },
  });
} finally {
  dump.close();
  rmSync(lists, { recursive: true, force: true });
}
