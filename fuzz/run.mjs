// A fuzzing campaign: `npm run fuzz -- [--minutes N] [--target NAME] [--seed N] [--jobs N]
// [--dump FILE]`. Each target gets its share of the minutes, in a process of its own. Findings are made as short as they can be and saved to fuzz/corpus/TARGET/, with a
// line in fuzz/corpus/README.md; test/fuzz/corpus.test.ts reads them in every `npm test`.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { bundle } from "./bundle.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Seconds after which a reading is taken for one that never ends. */
const HANG = 20;
const TARGETS = [
  ...["elf", "kdump", "flattened", "split", "lime", "avml", "raw"],
  ...["lzo", "snappy", "inflate", "lz4", "zlib", "zstd", "vmcoreinfo"],
  ...["notes", "vmcoreinfo-device", "erase-rules", "secrets", "kernel", "page-tables", "btf", "kallsyms", "vmlinux"],
  ...["run-small", "run-kernel", "run-structs"],
  ...[
    "packed",
    "stream",
    "spool-file",
    "command-line",
    "config",
    "given-vmcoreinfo",
    "job-data",
    "shard-files",
    "commands",
  ],
];
/** Time compared with other targets: those that build kernels first, or have most to reach. */
const SHARES = {
  kernel: 5,
  "page-tables": 3,
  "run-kernel": 4,
  "run-structs": 5,
  "run-small": 3,
  elf: 2,
  kdump: 3,
  flattened: 2,
  vmlinux: 2,
  lzo: 0.5,
  snappy: 0.5,
  zlib: 0.5,
  zstd: 0.5,
  secrets: 0.5,
  "job-data": 0.5,
  config: 0.5,
  "shard-files": 0.5,
  stream: 2,
  commands: 3,
  notes: 0.5,
};

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    target: { type: "string", multiple: true },
    seed: { type: "string" },
    jobs: { type: "string", default: "1" },
    // ELF dumps of 64-bit kernels, which run-structs damages beside the built ones.
    dump: { type: "string", multiple: true },
    // Of the process of one target.
    only: { type: "string" },
    seconds: { type: "string" },
  },
});
if (values.only !== undefined) await campaign(values.only, Number(values.seconds), Number(values.seed));
else await all(values.target ?? TARGETS, 60 * Number(values.minutes));

/** `--jobs` targets at once; each gets time by its share. */
async function all(names, seconds) {
  const unknown = names.find((name) => !TARGETS.includes(name));
  if (unknown !== undefined) throw new Error(`there is no target ${unknown}; there are ${TARGETS.join(", ")}`);
  const { counters } = await bundle();
  console.log(`${counters} branches in the sources; ${names.length} targets, ${Math.round(seconds)} s\n`);
  console.log("target             executions  branches  inputs  CPU s  findings");
  const lanes = Math.max(1, Math.min(4, Number(values.jobs)));
  const shares = names.reduce((sum, name) => sum + (SHARES[name] ?? 1), 0);
  const waiting = [...names];
  const dumps = (values.dump ?? []).map((path) => resolvePath(path));
  const environment = { ...process.env, CORESIEVE_FUZZ_DUMPS: JSON.stringify(dumps) };
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await one(name);
  };
  const one = async (name) => {
    const seed = values.seed ?? `${Date.now() % 2 ** 31}`;
    const share = `${(lanes * seconds * (SHARES[name] ?? 1)) / shares}`;
    const args = [fileURLToPath(import.meta.url), "--only", name, "--seconds", share, "--seed", seed];
    const code = await new Promise((resolve) =>
      spawn(process.execPath, args, { stdio: "inherit", cwd: root, env: environment }).on("exit", resolve),
    );
    if (code !== 0) process.exitCode = 1;
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** The loop of one target in a thread, started again when it had to be stopped. */
async function campaign(name, seconds, seed) {
  const total = { executions: 0, branches: 0, inputs: 0, findings: 0 };
  const end = Date.now() + 1000 * seconds;
  for (let turn = 0; turn === 0 || (Date.now() < end - 1000 && turn < 20); turn++) {
    const state = new Int32Array(new SharedArrayBuffer(8));
    const input = new Uint8Array(new SharedArrayBuffer(1 << 20));
    const left = Math.max(1, (end - Date.now()) / 1000);
    const workerData = {
      ...{ target: name, seconds: left, seed: seed + turn, state, input },
      found: `${root}out/fuzz/${name}`,
      regression: `${root}fuzz/corpus/${name}`,
    };
    const last = () => input.slice(0, Atomics.load(state, 1));
    const worker = new Worker(`${root}dist/fuzz/worker.mjs`, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    const take = (finding, bytes) => {
      total.findings++;
      save(name, finding, bytes);
    };
    await new Promise((resolve) => {
      let before = 0;
      let since = Date.now();
      const watch = setInterval(() => {
        const now = Atomics.load(state, 0);
        if (now !== before) [before, since] = [now, Date.now()];
        else if (now > 0 && Date.now() - since > 1000 * HANG) {
          clearInterval(watch);
          take({ key: "hang", what: `no end after ${HANG} s` }, last());
          // Nothing ends a thread within a call that does not return: then the process ends at its exit.
          worker.terminate();
          setTimeout(resolve, 5000).unref();
        }
      }, 500);
      worker.on("message", ({ finding, input: bytes, done }) => {
        if (finding) take(finding, bytes);
        if (done) Object.assign(total, { branches: done.branches, inputs: done.inputs });
      });
      worker.on("error", (error) => take({ key: error.message, what: `the thread ended: ${error.message}` }, last()));
      worker.on("exit", () => {
        clearInterval(watch);
        resolve();
      });
    });
    total.executions += Atomics.load(state, 0);
  }
  const { user, system } = process.cpuUsage();
  const columns = [`${total.executions}`.padStart(11), `${total.branches}`.padStart(10), `${total.inputs}`.padStart(8)];
  const cpu = ((user + system) / 1e6).toFixed(0);
  console.log(`${name.padEnd(18)}${columns.join("")}${cpu.padStart(7)}${`${total.findings}`.padStart(10)}`);
  if (total.findings > 0) process.exitCode = 1;
}

function save(target, { key, what }, bytes) {
  const folder = `${root}fuzz/corpus/${target}`;
  mkdirSync(folder, { recursive: true });
  const name = `${createHash("sha1").update(key).digest("hex").slice(0, 10)}.bin`;
  const path = `${folder}/${name}`;
  if (!existsSync(path)) appendFileSync(`${root}fuzz/corpus/README.md`, `- \`${target}/${name}\`: ${what}\n`);
  writeFileSync(path, bytes);
  console.log(`FINDING ${target}/${name} (${bytes.length} bytes): ${what}`);
}
