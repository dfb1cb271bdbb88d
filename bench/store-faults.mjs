// Runs by steps and single runs whose way to the store fails: node bench/store-faults.mjs --help
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { rolldown } from "rolldown";
import { BUCKET, coresieve, fileSha256, PROGRAM, startSwift, temporaryFolder } from "./support/cluster.mjs";
import { faultsOf, learnKinds, meetAll, stepsOf } from "./support/fault-matrix.mjs";
import { flag, list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const WHATS = ["slow", "cut", "broken", "500", "503", "reset", "lost", "etag"];
const WAYS = ["steps", "single"];
const OUTPUTS = {
  kdump: ["-d", "0", "--compress", "none"],
  lzo: ["-d", "31", "-l"],
  zstd: ["-d", "31", "-z"],
  elf: ["-d", "0", "-E"],
};

const HELP = `node bench/store-faults.mjs DUMP [options]: is anything left behind?

Writes DUMP out of Swift into Swift, or into a folder, by the steps (plan, two
shards, finish) and by single runs, through a proxy that spoils some requests of
each process, chosen by chance. A process that says 75 is begun again, and so
is one that was told of another ETag. Afterwards the output must have the
SHA-256 of a run from file to file, and all objects, all uploads in progress and
the folder are listed: nothing but input and output may be there. Some runs are
given up after a step and cleaned. Prints one line for each run; ends with 1 if
anything differs or is left. Needs npm run build and Swift.

  --matrix         not by chance: the first request of each kind of each step
                   (of the first of --outputs), and of a single run, in each
                   way; a process that fails is begun again until all are met
  --runs N         (default 60)
  --seed N         (default 1)
  --faults LIST    ${WHATS.join(",")} (default: all)
  --outputs LIST   ${Object.keys(OUTPUTS).join(",")} (default: all)
  --ways LIST      ${WAYS.join(",")} (default: both)
  --each N         requests of a process that are spoilt (default 3)
  --patience N     seconds that a request is asked again for (default 2)
  --folder DIR     for everything (default: the system's folder for such)
  --help           print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    matrix: flag(),
    runs: whole(60, 1),
    seed: whole(1, 0),
    faults: list(WHATS.join(","), oneOf(WHATS[0], WHATS)),
    outputs: list(Object.keys(OUTPUTS).join(","), oneOf("lzo", Object.keys(OUTPUTS))),
    ways: list(WAYS.join(","), oneOf("steps", WAYS)),
    each: whole(3, 1),
    patience: whole(2, 0),
    folder: text(tmpdir()),
  },
  [1, 1],
);

/** Numbers by chance, the same for the same seed (mulberry32, public domain). */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The proxy of the tests. */
async function startProxy(store) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const file = join(folder, "store-proxy.mjs");
  const build = await rolldown({
    input: `${root}test/services/support/store-proxy.ts`,
    platform: "node",
    logLevel: "warn",
  });
  await build.write({ file, format: "esm" });
  await build.close();
  return (await import(pathToFileURL(file))).startStoreProxy(store);
}

const dump = resolve(files[0]);
const folder = temporaryFolder(values.folder, "coresieve-faults-");
const swift = await startSwift(join(folder, "swift"));
Object.assign(process.env, swift.env);
await swift.put(dump, "in/vmcore");
const proxy = await startProxy(swift.endpoint);
const shared = join(folder, "shared");
const expected = new Map();
for (const name of values.outputs) {
  coresieve([dump, join(folder, "whole"), "-f", "-q", ...OUTPUTS[name]]);
  expected.set(name, await fileSha256(join(folder, "whole")));
}

/** All that is in the store and in the shared folder. */
async function everything() {
  const { Contents = [] } = await swift.client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const { Uploads = [] } = await swift.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  const inFolder = readdirSync(folder).includes("shared") ? readdirSync(shared) : [];
  return [
    ...Contents.map(({ Key }) => Key).filter((key) => key !== "in/vmcore"),
    ...Uploads.map(({ Key, UploadId }) => `upload of ${Key} (${UploadId})`),
    ...inFolder.map((name) => `file ${name}`),
  ];
}

function step(args) {
  const env = { ...process.env, AWS_ENDPOINT_URL: proxy.endpoint, CORESIEVE_S3_PATIENCE: `${values.patience}` };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes) => {
    said += bytes;
  });
  return new Promise((done) => child.once("close", (code) => done({ code, said })));
}

const FEW = [
  { method: "POST", match: /[?&]uploads/ },
  { method: "POST", match: /[?&]uploads/ },
  { method: "POST", match: /[?&]uploadId=/ },
  { method: "PUT", match: /(upload|begun|planning|run|done)\.json/ },
  { method: "DELETE", match: /./ },
];
/** Requests that processes of each kind make, learned from those before: a fault is put among them. */
const usual = new Map();

/** A process with faults; again without, as a batch system does. Returns the last code and what was said. */
async function faulty(args, random) {
  const [kind] = args[0].startsWith("s3:") ? ["single"] : args;
  const faults = Array.from({ length: values.each }, () => {
    const picked = values.faults[random(values.faults.length)];
    const what = /^\d/.test(picked) ? Number(picked) : picked;
    const after = random(Math.ceil((usual.get(kind) ?? 20) / values.each));
    // The ETag of a part that is sent is all that is known of it: only those of what is read are other ones.
    if (what === "etag") return { method: "GET", match: /./, times: 1, what, after: after >> 1 };
    return { match: /./, times: 1 + random(3), what, after };
  });
  // Chance hardly finds the few requests of which two may do harm.
  const few = FEW[random(2 * FEW.length)];
  if (few !== undefined && values.faults.includes("lost"))
    faults.unshift({ ...few, times: 1 + random(2), what: "lost" });
  const told = [];
  for (let tries = 0; tries < 4; tries++) {
    // Of several faults only the first counts what passes, so they come one behind the other.
    Object.assign(proxy, { asked: 0, faults: tries === 0 ? [...faults] : [] });
    const { code, said } = await step(args);
    if (proxy.asked > 0) usual.set(kind, proxy.asked);
    if (code !== 0) told.push(`${kind}: ${code} ${said.trim().split("\n").at(-1)}`);
    if (code === 0) return { ok: true, told, faults };
    if (code !== 75 && !/was replaced while|OUTPUT_EXISTS|exists already/.test(said) && kind !== "single") break;
    if (/exists already/.test(said)) return { ok: true, told, faults };
  }
  return { ok: false, told, faults };
}

let wrong = 0;
let runs = 0;
async function runByChance(i) {
  const random = chance(values.seed * 1000 + i);
  const of = (all) => all[random(all.length)];
  const [way, name, place] = [of(values.ways), of(values.outputs), of(["store", "store", "file"])];
  const input = `s3://${BUCKET}/in/vmcore`;
  const output = place === "store" ? `s3://${BUCKET}/out/small` : join(shared, "small");
  const staging = place === "store" ? `s3://${BUCKET}/out/run` : join(shared, "run");
  rmSync(shared, { recursive: true, force: true });
  mkdirSync(shared);
  const steps =
    way === "single"
      ? [[input, output, "-q", ...OUTPUTS[name]]]
      : [
          ["plan", input, output, ...OUTPUTS[name], "--shards", "2", "--staging", staging],
          ...["0", "1"].toSorted(() => random(2) - 0.5).map((shard) => ["shard", staging, shard, "--wait", "0"]),
          ["finish", staging],
        ];
  // One in five is given up behind a step.
  const until = way === "steps" && random(5) === 0 ? 1 + random(3) : steps.length;
  const told = [];
  let ok = true;
  const used = [];
  for (const args of steps.slice(0, until)) {
    const done = await faulty(args, random);
    used.push(
      done.faults.map(({ what, after = "", times, method = "" }) => `${method}${what}@${after}x${times}`).join(" "),
    );
    told.push(...done.told);
    ok &&= done.ok;
    if (!ok) break;
  }
  proxy.faults = [];
  const found = [];
  if (ok && until === steps.length) {
    const sha256 = await (place === "store" ? swift.sha256("out/small") : fileSha256(output)).catch((e) => e.message);
    if (sha256 !== expected.get(name)) found.push(`DIFFERS: ${sha256}`);
  } else if (!ok) found.push("FAILED");
  if (way === "steps") {
    const { code, said } = await step(["staging", staging, "--clean"]);
    if (code !== 0) found.push(`clean: ${code} ${said}`);
  }
  const left = (await everything()).filter((one) => one !== "out/small" && one !== "file small");
  if (left.length > 0) found.push(`LEFT: ${left.join(", ")}`);
  if (found.length > 0) wrong++;
  console.log(
    `${i} ${way} ${name} ${place}${until < steps.length ? ` given up after ${until}` : ""}: ${found.join("; ") || "equal, nothing left"}`,
  );
  if (found.length > 0) console.log(`    ${used.join(" | ")}`);
  for (const line of told) console.log(`    ${line}`);
  await clear();
}

/** All kinds of requests of the steps, or of a single run, in one way. */
async function runMatrix(what, way, name, kinds) {
  const at = {
    input: `s3://${BUCKET}/in/vmcore`,
    output: `s3://${BUCKET}/out/small`,
    staging: `s3://${BUCKET}/out/run`,
  };
  const options = OUTPUTS[name];
  const single = [["single", [at.input, at.output, "-q", ...options]]];
  const found = [];
  const cells = [];
  for (const [label, args] of way === "single" ? single : stepsOf({ ...at, options })) {
    if (what === undefined) {
      const learnt = learnKinds(proxy);
      const { code, said } = await step(args);
      if (code !== 0) throw new Error(said);
      kinds.set(label, learnt());
      continue;
    }
    const faults = faultsOf(kinds.get(label), /^\d/.test(what) ? Number(what) : what);
    // Of a part whose answer had another ETag nothing else is known: finish wants its shard made again.
    const makeAgain = async () => {
      for (const shard of ["0", "1"]) if (label === "finish") await step(["shard", at.staging, shard]);
    };
    const { codes, met, told } = await meetAll(proxy, () => step(args), faults, makeAgain);
    if (codes.at(-1) !== 0) found.push(`${label} FAILED`);
    // A fault that no request met shows nothing.
    if (met < faults.length) found.push(`${label} MET ${met} OF ${faults.length}`);
    cells.push(`${label}: ${met} of ${faults.length} met, ${codes.join(" ")}`);
    for (const line of told) cells.push(`    ${line}`);
  }
  proxy.faults = [];
  const sha256 = await swift.sha256("out/small").catch((error) => error.message);
  if (sha256 !== expected.get(name)) found.push(`DIFFERS: ${sha256}`);
  const left = (await everything()).filter((one) => one !== "out/small");
  if (left.length > 0) found.push(`LEFT: ${left.join(", ")}`);
  if (what !== undefined) {
    runs++;
    console.log(`${what} ${way} ${name}: ${found.join("; ") || "equal, nothing left"}\n  ${cells.join("\n  ")}`);
  }
  if (found.length > 0) wrong++;
  await clear();
}

/** For the next run, whatever there was. */
async function clear() {
  const { Contents = [] } = await swift.client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  for (const { Key } of Contents) if (Key !== "in/vmcore") await swift.remove(Key);
  const { Uploads = [] } = await swift.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  for (const { Key, UploadId } of Uploads)
    await swift.client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }));
}

if (values.matrix) {
  for (const way of values.ways) {
    const kinds = new Map();
    const [name] = values.outputs;
    await runMatrix(undefined, way, name, kinds);
    for (const [label, of] of kinds) console.log(`${label}: ${[...of.keys()].join(", ")}`);
    for (const what of values.faults) await runMatrix(what, way, name, kinds);
  }
} else {
  for (; runs < values.runs; runs++) await runByChance(runs);
}
console.log(`${runs} runs, ${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
