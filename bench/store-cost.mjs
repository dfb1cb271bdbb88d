// What bytes to and from a store cost, and a worker that waits: node bench/store-cost.mjs --help
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { runProgram } from "../dist/bench/run-program.js";
import { BUCKET, node, PROGRAM, startRedis, startSwift, startWorker, temporaryFolder } from "./support/cluster.mjs";
import { readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/store-cost.mjs [DUMP] [options]: what a store's bytes cost

CPU time of a run that reads all of DUMP (default: a synthetic one of 512 MiB)
as a file and as an object of a store (OpenStack Swift here, without TLS), and
of one that writes all of it uncompressed into a file and into the store, the
least of the runs; with bytes and requests as the store counts them. Then the
commands of Redis that a worker without jobs costs in a second. Needs npm run
build, redis-server and Swift. One minute on 2 cores that do nothing else.

  --runs N         (default 3)
  --folder DIR     for everything (default: the system's folder for such)
  --help           print this text
`;

const { values, files } = readOptions(HELP, { runs: whole(3, 1), folder: text(tmpdir()) }, [0, 1]);
const folder = temporaryFolder(values.folder, "coresieve-cost-");
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
let dump = files[0] && resolve(files[0]);
if (dump === undefined) {
  dump = join(folder, "vmcore");
  node("../synthetic.mjs", dump, "--size", "512M", "--kept", "0.6", "--variants", "3");
}
const redis = await startRedis(join(folder, "redis"));
const swift = await startSwift(join(folder, "swift"));
await swift.put(dump, "in/vmcore");
Object.assign(process.env, swift.env);

async function measure(what, ...args) {
  await swift.counts();
  const cpu = [];
  for (let i = 0; i < values.runs; i++) {
    const run = await runProgram({ file: process.execPath, args: [PROGRAM, ...args] });
    if (run.failure !== undefined) throw new Error(`${what}: ${run.failure}`);
    cpu.push(run.cpu);
  }
  const counts = Object.values(await swift.counts());
  const of = (name, unit) => (sum(counts.map((one) => one[name])) / unit / values.runs).toFixed(0);
  const cells = [Math.min(...cpu).toFixed(2), of("sent", 1e6), of("received", 1e6), of("requests", 1)];
  console.log(`| ${[what, ...cells].join(" | ")} |`);
}

console.log("| what | CPU s | MB fetched | MB sent | requests |");
console.log("|---|---|---|---|---|");
const out = join(folder, "out");
const all = ["-f", "-q", "-d", "0", "--compress", "none", "--num-threads", "1"];
await measure("the program's start (--version)", "--version");
await measure("nothing but the store's start (info)", "info", `s3://${BUCKET}/in/vmcore`);
await measure("read from a file (verify)", "verify", "-q", dump);
await measure("read from the store", "verify", "-q", `s3://${BUCKET}/in/vmcore`);
await measure("write to a file (level 0)", dump, out, ...all);
rmSync(out);
await measure("write to the store", dump, `s3://${BUCKET}/out/all`, ...all);

const args = ["--allow", folder, "--num-threads", "1", "--spool-dir", folder];
await startWorker({ env: { REDIS_URL: redis.url }, args });
await redis.commands();
const SECONDS = 20;
await setTimeout(SECONDS * 1000);
const commands = sum(Object.values(await redis.commands()));
console.log(`\nA worker that waits for jobs: ${(commands / SECONDS).toFixed(0)} commands of Redis a second`);
process.exit();
