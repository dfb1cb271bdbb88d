/**
 * The loop of a campaign for one target, in a thread: an input is changed, read, and kept if it reached a branch, or a
 * number of passes through one, that none before it did. The thread's parent watches that each reading ends.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { execute, type Finding } from "./execute.js";
import { mutate } from "./mutate.js";
import { randomFrom } from "./random.js";
import type { FuzzTarget } from "./target.js";
import { endRuns } from "./targets/runs.js";
import { targets } from "./targets.js";

/** What the parent and this thread both see. */
interface WorkerData {
  readonly target: string;
  readonly seconds: number;
  /** CPU seconds of the whole process. */
  readonly cpuSeconds: number;
  readonly seed: number;
  /** Inputs found by earlier campaigns, and findings. */
  readonly found: string;
  readonly regression: string;
  /** [0] executions, [1] length of the input being read, [2] 1 when the campaign is to end. */
  readonly state: Int32Array;
  readonly input: Uint8Array;
}

/** What the bundler put in. */
interface Instrumented {
  readonly $counters: Uint8Array;
  readonly $words: readonly (string | number | bigint)[];
  $allocated?: (bytes: number) => void;
}
const inside = globalThis as unknown as Instrumented;

/** Milliseconds of CPU time for one reading, instrumented, that are a finding; tried three times, for machines are noisy. */
const SLOW = 2000;
/** Bytes that one reading may ask for at once, and in all. */
const LARGEST = 512 << 20;
const MOST = 2 ** 31;
const MOST_INPUTS = 5000;

const data = workerData as WorkerData;
const random = randomFrom(data.seed);
const counters = inside.$counters;
const words = new Uint32Array(counters.buffer);
const seen = new Uint8Array(counters.length);
const corpus: Uint8Array[] = [];
const known = new Set<string>();
let branches = 0;
let executions = 0;
let allocated = 0;
let largest = 0;
/** Microseconds of CPU time that this process has had. */
let cpu = 0;
inside.$allocated = (bytes) => {
  allocated += bytes;
  largest = Math.max(largest, bytes);
};

/** Passes through a branch, as one bit of eight: 1, 2, 3, 4, 8, 16, 32, 128 and more. */
function bucketOf(count: number): number {
  if (count < 4) return 1 << (count - 1);
  return 1 << (count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7);
}

/** Whether the last reading reached something new. */
function isNew(): boolean {
  let fresh = false;
  for (let word = 0; word < words.length; word++) {
    if (words[word] === 0) continue;
    for (let i = 4 * word; i < 4 * word + 4; i++) {
      const count = counters[i] as number;
      if (count === 0) continue;
      const bucket = bucketOf(count);
      if (((seen[i] as number) & bucket) !== 0) continue;
      if (seen[i] === 0) branches++;
      seen[i] = (seen[i] as number) | bucket;
      fresh = true;
    }
  }
  return fresh;
}

async function read(target: FuzzTarget, input: Uint8Array): Promise<Finding | undefined> {
  data.input.set(input.subarray(0, data.input.length));
  Atomics.store(data.state, 1, input.length);
  Atomics.store(data.state, 0, ++executions);
  let spent = Number.POSITIVE_INFINITY;
  let finding: Finding | undefined;
  for (let tries = 0; tries < 3 && spent > SLOW && finding === undefined; tries++) {
    counters.fill(0);
    allocated = 0;
    largest = 0;
    const start = process.cpuUsage();
    finding = await execute(target, input);
    const { user, system } = process.cpuUsage();
    cpu = user + system;
    spent = Math.min(spent, (cpu - start.user - start.system) / 1000);
  }
  if (finding !== undefined) return finding;
  if (largest > LARGEST) return { key: "memory", what: `${largest} bytes asked for at once` };
  if (allocated > MOST) return { key: "memory", what: `${allocated} bytes asked for` };
  if (spent > SLOW) return { key: "slow", what: `took ${Math.round(spent)} ms` };
  return undefined;
}

/** A shorter input with the same fault: parts are left out as long as it stays. */
async function minimise(target: FuzzTarget, input: Uint8Array, key: string): Promise<Uint8Array> {
  let best = input;
  const end = performance.now() + 10_000;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.length && performance.now() < end; ) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if ((await read(target, new Uint8Array(shorter)))?.key === key) best = new Uint8Array(shorter);
      else at += size;
    }
  }
  for (let at = 0; at < best.length && best.length < 1024 && performance.now() < end; at++) {
    if (best[at] === 0) continue;
    const plain = best.slice();
    plain[at] = 0;
    if ((await read(target, plain))?.key === key) best = plain;
  }
  return best;
}

async function take(target: FuzzTarget, finding: Finding, input: Uint8Array): Promise<void> {
  if (known.has(finding.key)) return;
  known.add(finding.key);
  const least = await minimise(target, input, finding.key);
  parentPort?.postMessage({ finding, input: least });
}

async function main(): Promise<void> {
  const target = targets.find(({ name }) => name === data.target);
  if (target === undefined) throw new Error(`there is no target ${data.target}`);
  const dictionary = inside.$words.map((word) => {
    if (typeof word === "string") return Buffer.from(word, "latin1");
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(word)));
    return bytes.subarray(0, BigInt(word) < 2n ** 32n ? 4 : 8);
  });
  mkdirSync(data.found, { recursive: true });
  const files = [data.regression, data.found].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((name) => new Uint8Array(readFileSync(join(folder, name)))) : [],
  );
  const end = performance.now() + 1000 * data.seconds;
  const isOver = () => performance.now() > end || cpu > 1e6 * data.cpuSeconds || Atomics.load(data.state, 2) !== 0;
  const seeds = target.seeds();
  for (const [i, input] of [...seeds, ...files].entries()) {
    if (corpus.length > 0 && isOver()) break;
    const finding = await read(target, input);
    // What nothing is counted of, kernels in WebAssembly, has the seeds alone.
    if (isNew() || i < seeds.length) corpus.push(input);
    if (finding !== undefined) await take(target, finding, input);
  }
  while (!isOver()) {
    // Inputs found last are tried more: they reached what no other did.
    const recent = random(3) === 0 ? Math.max(0, corpus.length - 1 - random(20)) : random(corpus.length);
    const base = corpus[recent] as Uint8Array;
    const other = corpus[random(corpus.length)] as Uint8Array;
    const input = mutate(base, other, target, dictionary, random);
    const finding = await read(target, input);
    if (finding !== undefined) await take(target, finding, input);
    else if (isNew() && corpus.length < MOST_INPUTS) {
      corpus.push(input);
      writeFileSync(join(data.found, createHash("sha1").update(input).digest("hex").slice(0, 16)), input);
    }
  }
  parentPort?.postMessage({ done: { executions, branches, inputs: corpus.length } });
  await endRuns();
}

await main();
