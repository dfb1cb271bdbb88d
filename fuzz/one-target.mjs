// The loop of one target in a thread, started again when it had to be stopped. Findings are made as short as they can be and
// saved to fuzz/corpus/TARGET/, with a line in fuzz/corpus/README.md.
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Seconds after which a reading is taken for one that never ends. */
const HANG = 20;
const MOST_TURNS = 20;
/** The key of findings without an error. */
const HANGS = "hang";

/**
 * Runs the target until `seconds` have passed, this process has had `cpuSeconds` of CPU time, or a signal asks for the end.
 * Returns what was done.
 */
export async function fuzzTarget(name, { seconds, cpuSeconds, seed }) {
  const total = { name, executions: 0, branches: 0, inputs: 0, findings: [], cpuSeconds: 0 };
  const state = new Int32Array(new SharedArrayBuffer(12));
  let stopped = false;
  const stop = () => {
    stopped = true;
    Atomics.store(state, 2, 1);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop);
  const end = Date.now() + 1000 * seconds;
  const isOver = () => stopped || Date.now() > end - 1000 || cpuOf() > cpuSeconds - 1;
  for (let turn = 0; turn === 0 || (!isOver() && turn < MOST_TURNS); turn++) {
    const left = Math.max(1, (end - Date.now()) / 1000);
    Atomics.store(state, 0, 0);
    await oneTurn(total, { target: name, seconds: left, cpuSeconds, seed: seed + turn, state });
    total.executions += Atomics.load(state, 0);
  }
  total.cpuSeconds = cpuOf();
  return total;
}

function cpuOf() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function oneTurn(total, settings) {
  const { target, state } = settings;
  const input = new Uint8Array(new SharedArrayBuffer(1 << 20));
  const workerData = {
    ...{ ...settings, input },
    found: `${root}out/fuzz/${target}`,
    regression: `${root}fuzz/corpus/${target}`,
  };
  const last = () => input.slice(0, Atomics.load(state, 1));
  const worker = new Worker(`${root}dist/fuzz/worker.mjs`, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 2048 },
  });
  const take = (finding, bytes) => total.findings.push(save(target, finding, bytes));
  await new Promise((resolve) => {
    let before = 0;
    let since = Date.now();
    let spent = cpuOf();
    const watch = setInterval(() => {
      const now = Atomics.load(state, 0);
      if (now !== before) [before, since, spent] = [now, Date.now(), cpuOf()];
      // On a busy machine a process of the lowest priority may stand still for that long without being at fault.
      else if (now > 0 && Date.now() - since > 1000 * HANG && (cpuOf() - spent > HANG / 2 || isIdle(since))) {
        clearInterval(watch);
        take({ key: HANGS, what: `no end after ${HANG} s` }, last());
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
}

/** Waiting without CPU time: for a message or a lock that never comes. */
function isIdle(since) {
  return Date.now() - since > 10_000 * HANG;
}

/** Returns its name: TARGET/FILE. */
function save(target, { key, what }, bytes) {
  const folder = `${root}fuzz/corpus/${target}`;
  mkdirSync(folder, { recursive: true });
  // Errors tell each other apart by their words; of two hangs nothing but the input says that they are two.
  const told = createHash("sha1").update(key);
  if (key === HANGS) told.update(bytes);
  const name = `${told.digest("hex").slice(0, 10)}.bin`;
  const path = `${folder}/${name}`;
  if (!existsSync(path)) appendFileSync(`${root}fuzz/corpus/README.md`, `- \`${target}/${name}\`: ${what}\n`);
  writeFileSync(path, bytes);
  console.log(`FINDING ${target}/${name} (${bytes.length} bytes): ${what}`);
  return `${target}/${name}`;
}
