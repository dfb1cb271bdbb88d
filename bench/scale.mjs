// What a queue, a shared folder and a store cost, and what several workers gain: node bench/scale.mjs --help
import { rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Queue } from "bullmq";
import { runProgram } from "../dist/bench/run-program.js";
import { formatFigure, median } from "../dist/bench/timing.js";
import {
  BUCKET,
  coresieve,
  cpuSeconds,
  fileSha256,
  node,
  PROGRAM,
  peakMib,
  startLink,
  startRedis,
  startSwift,
  startWorker,
  temporaryFolder,
} from "./support/cluster.mjs";
import { CODECS, list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/scale.mjs [DUMP] [options]: what a queue and a store cost

Writes DUMP (default: a synthetic one of 384 MiB, 60 % of it kept) alone, and by
the queue with some numbers of workers: in a folder; in a store (one process of
OpenStack Swift) on this machine; over links to it, one for each worker, of so
many milliseconds round trip and Mbit/s each way (support/link.mjs; Redis is
near). Every output must have the digest of the first. Medians of the runs as
Markdown: wall clock (by the queue: from submitted to finished), CPU of the
workers and of the servers, bytes and requests as the store counts them, Redis's
commands (those that BullMQ's scripts call included). The first run by the queue
in each place has workers that were just started. Needs npm run build,
redis-server and Swift. About 5 minutes on 2 cores that do nothing else.

  --places LIST    folder, store, RTT:MBIT
                   (default folder,store,10:1000,40:200)
  --workers LIST   (default 1,2,4)
  --threads N      of each worker, and of the single run (default 1)
  --shards N       (default 8)
  --runs N         (default 3)
  --level N        (default 31)
  --codec NAME     (default lzo)
  --folder DIR     for everything (default: the system's folder for such)
  --out FILE       write the tables there, too
  --help           print this text
`;

const place = {
  wants: "folder, store, or a link as 40:200",
  read: (name) => (/^(folder|store|\d+:[1-9]\d*)$/.test(name) ? name : undefined),
};
const { values, files } = readOptions(
  HELP,
  {
    places: list("folder,store,10:1000,40:200", place),
    workers: list("1,2,4", whole(1, 1, 64)),
    threads: whole(1, 1, 256),
    shards: whole(8, 1, 4096),
    runs: whole(3, 1),
    level: whole(31, 0, 31),
    codec: oneOf("lzo", CODECS),
    folder: text(tmpdir()),
    out: text(),
  },
  [0, 1],
);
const folder = temporaryFolder(values.folder, "coresieve-scale-");
const options = ["-d", `${values.level}`, "--compress", values.codec];
const threads = ["--num-threads", `${values.threads}`];
/** Ends what belongs to the place that was measured last. */
const closing = [];
const lines = [];
const tell = (line) => {
  lines.push(line);
  console.log(line);
};

let dump = files[0] && resolve(files[0]);
if (dump === undefined) {
  dump = join(folder, "vmcore");
  node("../synthetic.mjs", dump, "--size", "384M", "--kept", "0.6", "--variants", "3");
}

/** Where dump and output are. Links lead to the store, one for each worker. */
function placeNamed(name, swift) {
  if (name === "folder") {
    const out = join(folder, "out");
    return {
      ...{ name: "folder", input: dump, out, allow: folder, counts: async () => ({}) },
      env: async () => ({}),
      digest: () => fileSha256(out),
      remove: () => rmSync(out),
    };
  }
  const [rtt, mbit] = name === "store" ? [] : name.split(":").map(Number);
  return {
    name: name === "store" ? "store here" : `${rtt} ms, ${mbit} Mbit/s`,
    ...{ input: `s3://${BUCKET}/in/vmcore`, out: `s3://${BUCKET}/out/small`, allow: `s3://${BUCKET}/` },
    async env() {
      if (rtt === undefined) return swift.env;
      const link = await startLink(new URL(swift.endpoint).port, rtt, mbit);
      closing.push(() => link.stop());
      return { ...swift.env, AWS_ENDPOINT_URL: link.endpoint };
    },
    counts: () => swift.counts(),
    digest: () => swift.sha256("out/small"),
    remove: () => swift.remove("out/small"),
  };
}

const total = (counts, what) => Object.values(counts).reduce((sum, one) => sum + one[what], 0);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** Measures a run: `work` returns wall clock and CPU time of the workers. */
async function measure(place, { swift, redis }, work) {
  await place.counts();
  await redis.commands();
  const servers = () => cpuSeconds(swift.pid) + cpuSeconds(redis.pid);
  const before = servers();
  const { wall, cpu } = await work();
  const serverCpu = servers() - before;
  const [operations, commands] = [await place.counts(), sum(Object.values(await redis.commands()))];
  const digest = await place.digest();
  await place.remove();
  return { wall, cpu, serverCpu, commands, operations, digest };
}

async function single(place) {
  Object.assign(process.env, await place.env());
  const args = [PROGRAM, place.input, place.out, "-q", ...options, ...threads];
  const { wall, cpu, failure } = await runProgram({ file: process.execPath, args });
  if (failure !== undefined) throw new Error(failure);
  return { wall, cpu };
}

async function byQueue(place, workers, queue, env) {
  const cpu = () => sum(workers.map(({ pid }) => cpuSeconds(pid)));
  const before = cpu();
  const args = [
    "submit",
    place.input,
    place.out,
    "--again",
    "--json",
    "--wait",
    "--shards",
    `${values.shards}`,
    ...options,
  ];
  const { id } = JSON.parse(coresieve(args, { env }));
  const { timestamp, finishedOn } = await queue.getJob(id);
  return { wall: (finishedOn - timestamp) / 1000, cpu: cpu() - before };
}

function row(place, who, runs) {
  const of = (get) => median(runs.map(get));
  const mb = (what) => (of(({ operations }) => total(operations, what)) / 1e6).toFixed(0);
  const cells = [
    ...[place.name, who, formatFigure(of(({ wall }) => wall))],
    formatFigure(of(({ cpu }) => cpu)),
    formatFigure(of(({ serverCpu }) => serverCpu)),
    // Sent by the store is fetched by the workers.
    ...(place.name === "folder"
      ? ["", "", ""]
      : [mb("sent"), mb("received"), of(({ operations }) => total(operations, "requests"))]),
    who === "single run" ? "" : of(({ commands }) => commands),
  ];
  tell(`| ${cells.join(" | ")} |`);
}

const swift = await startSwift(join(folder, "swift"));
const redis = await startRedis(join(folder, "redis"));
const queue = new Queue("dumps", { prefix: "coresieve", connection: { path: redis.socket } });
if (values.places.some((name) => name !== "folder")) await swift.put(dump, "in/vmcore");
const digests = new Set();
const seen = [];
tell(
  `${statSync(dump).size} bytes, level ${values.level}, ${values.codec}; ${values.shards} shards; ${values.threads} threads each;`,
);
tell(`${cpus().length} cores, ${cpus()[0]?.model}; medians of ${values.runs}\n`);
tell("| where | who | wall s | workers' CPU s | servers' CPU s | MB fetched | MB sent | requests | Redis commands |");
tell("|---|---|---|---|---|---|---|---|---|");
for (const name of values.places) {
  const place = placeNamed(name, swift);
  const servers = { swift, redis };
  const repeat = async (who, work) => {
    const runs = [];
    for (let i = 0; i < values.runs; i++) runs.push(await measure(place, servers, work));
    for (const { digest } of runs) digests.add(digest);
    if (digests.size > 1) throw new Error(`${place.name}, ${who}: another digest: ${[...digests].join(", ")}`);
    row(place, who, runs);
    if (place.name !== "folder") seen.push({ place, who, operations: runs.at(-1).operations });
  };
  await repeat("single run", () => single(place));
  const workers = [];
  for (const count of values.workers) {
    while (workers.length < count) {
      const env = { ...(await place.env()), REDIS_URL: redis.url };
      const args = ["--allow", place.allow, "--allow", resolve(dump, ".."), "--spool-dir", folder, ...threads];
      const worker = await startWorker({ env, args });
      closing.push(() => worker.stop());
      workers.push(worker);
    }
    const env = { ...swift.env, REDIS_URL: redis.url };
    await repeat(`${count} worker${count > 1 ? "s" : ""}`, () => byQueue(place, workers, queue, env));
  }
  tell(
    `| ${place.name} | peak memory of a worker: ${Math.max(...workers.map(({ pid }) => peakMib(pid))).toFixed(0)} MiB ||||||||`,
  );
  for (const close of closing.splice(0)) await close();
}
const kinds = [...new Set(seen.flatMap(({ operations }) => Object.keys(operations)))].sort();
tell("\nRequests by operation, of the last run each\n");
tell(`| where | who | ${kinds.join(" | ")} |`);
tell(`|---|---|${kinds.map(() => "---|").join("")}`);
for (const { place, who, operations } of seen) {
  tell(`| ${place.name} | ${who} | ${kinds.map((kind) => operations[kind]?.requests ?? 0).join(" | ")} |`);
}
tell(`\nSHA-256 of every output: ${[...digests].join(", ")}`);
if (values.out !== undefined) writeFileSync(values.out, `${lines.join("\n")}\n`);
process.exit();
