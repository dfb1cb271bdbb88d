// Lines of src/ for each folder, at a commit and now: node scripts/lines-since.mjs [COMMIT]. A file was there if it, or what it was renamed or
// copied from, is in that commit (default: 0.1.0's first landing). New files are added up by subject: docs/dev/performance.md has the table.
import { execFileSync } from "node:child_process";

const [commit = "34ae9dd"] = process.argv.slice(2);

/** What new files are for: the first that fits counts. The last are parts of what was there, in files of their own. */
const SUBJECTS = [
  [
    "privacy, secrets, records, handing over",
    /filter\/(privacy|text|wasm\/strict|erase)|handover|audit|manifest|signed|age\.ts|unseal|kernel\/objects|search-(texts|dump)|untouchable/,
  ],
  [
    "queue, steps, shards, stores",
    /\/(queue|steps|shard|store)\/|http-sink|part-urls|memory-writer|commands\/(jobs|plan|shard|staging|finish)|step-host|options\/queue/,
  ],
  [
    "formats, archives, packers, damaged kernels",
    /reader\/(?!formats?\.|bits|attach|physical-memory|stretches|frames)|cpu-notes|lost-|candidates|table-samples|possible-layout|codec\/zstd/,
  ],
  [
    "faults: outputs, surroundings, foreign text",
    /partial-file|output-path|output-access|surroundings|foreign-text|program-files|stretches|need-stdout|unfinished/,
  ],
  [
    "first contact: crash, tasks, words",
    /crash-|tasks-of|describe-info|found-texts|completion-scripts|nearest|readable|rough-size|option-words|run-records/,
  ],
  ["what was there", /./],
];

/** Folders with subfolders of their own that are as large as others. */
const SPLIT = new Set(["reader", "kernel", "filter"]);

function git(...words) {
  return execFileSync("git", words, { encoding: "utf8", maxBuffer: 2 ** 28 })
    .trim()
    .split("\n");
}

function linesAt(revision) {
  const found = git("grep", "-c", "", revision, "--", "src").map((line) => /^[^:]+:(.*):(\d+)$/.exec(line));
  return new Map(found.map(([, file, lines]) => [file, Number(lines)]));
}

/** The files of today that come from files that were there: renames and copies are followed from commit to commit. */
function comeFrom(then) {
  const from = new Map([...then.keys()].map((file) => [file, file]));
  const range = `${commit}..HEAD`;
  for (const line of git(
    "log",
    "--reverse",
    "-M40%",
    "-C40%",
    "-l5000",
    "--format=",
    "--name-status",
    range,
    "--",
    "src",
  )) {
    const [how, file, to] = line.split("\t");
    if (to !== undefined && from.has(file)) from.set(to, from.get(file));
    if (how.startsWith("R") || how === "D") from.delete(file);
  }
  return from;
}

function folderOf(file) {
  const [, folder, ...rest] = file.split("/");
  if (rest.length === 0) return "(top)";
  return SPLIT.has(folder) && rest.length > 1 ? `${folder}/${rest[0]}` : folder;
}

const then = linesAt(commit);
const now = linesAt("HEAD");
const from = comeFrom(then);
const rows = new Map();
function add(folder, column, lines) {
  for (const name of [folder, "sum"]) {
    const row = rows.get(name) ?? { before: 0, there: 0, added: 0 };
    row[column] += lines;
    rows.set(name, row);
  }
}
for (const [file, lines] of then) add(folderOf(file), "before", lines);
for (const [file, lines] of now) add(folderOf(file), from.has(file) ? "there" : "added", lines);
console.log("| folder | then | now | in files that were there | in new files |\n|---|---|---|---|---|");
const sorted = [...rows].sort(([one], [other]) => (one === "sum" ? 1 : other === "sum" ? -1 : one < other ? -1 : 1));
for (const [name, { before, there, added }] of sorted) {
  const cells = [before, there + added, there, added].map((count) => count.toLocaleString("en"));
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}

const bySubject = new Map(SUBJECTS.map(([name]) => [name, 0]));
for (const [file, lines] of now) {
  if (from.has(file)) continue;
  const [name] = SUBJECTS.find(([, files]) => files.test(file));
  bySubject.set(name, bySubject.get(name) + lines);
}
console.log("\n| new files for | lines |\n|---|---|");
for (const [name, lines] of bySubject) console.log(`| ${name} | ${lines.toLocaleString("en")} |`);
