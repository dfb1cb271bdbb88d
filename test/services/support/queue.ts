/** A Redis server and workers of a test, each a process of its own; all end with the test file. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll } from "vitest";
import { findRun, runState } from "../../../src/queue/jobs.js";
import { openQueues, type Queues } from "../../../src/queue/queues.js";
import type { RunState } from "../../../src/queue/submission.js";
import type { ServerPlace } from "./swift.js";

export const PROGRAM = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const WRONG_CLOCK = fileURLToPath(new URL("./wrong-clock.cjs", import.meta.url));
const KILLER = fileURLToPath(new URL("./kill-at.cjs", import.meta.url));

export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
/** With CI=true a server that is missing is a failure and no reason to skip. */
const { CI } = process.env;
if (!hasRedis && CI === "true") throw new Error("redis-server is not installed");
export const isRoot = process.getuid?.() === 0;

/** Seconds that Redis is gone in tests; a minute takes TEST_REDIS_AWAY=60. */
export const redisAway = Number(process.env["TEST_REDIS_AWAY"] ?? 5);

/** A folder for everything of a test file. */
export const folder = mkdtempSync(join(tmpdir(), "coresieve-services-"));
export const share = join(folder, "share");
mkdirSync(share);

const children = new Map<ChildProcess, Promise<unknown>>();
afterAll(async () => {
  for (const child of children.keys()) child.kill("SIGKILL");
  await Promise.all(children.values());
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** Starts a process that ends with the tests at the latest. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout?.on("data", (bytes) => {
    said += bytes;
  });
  child.stderr?.on("data", (bytes) => {
    said += bytes;
  });
  // And all that it said is here: it may come after its exit.
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on("close", (code, signal) => {
      children.delete(child);
      resolve(signal ?? code);
    }),
  );
  children.set(child, ended);
  return { child, ended, said: () => said };
}

export interface RedisServer {
  readonly url: string;
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
}

/** A server that writes every change to disk at once. `place`: also there, port 6399. */
export async function redisServer(password?: string, place?: ServerPlace): Promise<RedisServer> {
  const dir = mkdtempSync(join(folder, "redis-"));
  const socket = join(dir, "s");
  const address =
    place === undefined ? ["--port", "0"] : ["--port", "6399", "--bind", place.address, "--protected-mode", "no"];
  const secret = password === undefined ? [] : ["--requirepass", password];
  let server: ReturnType<typeof start> | undefined;
  const connected = async (use: (client: Redis) => Promise<unknown>) => {
    const client = new Redis({
      path: socket,
      ...(password === undefined ? {} : { password }),
      maxRetriesPerRequest: null,
    });
    client.on("error", () => undefined);
    await use(client);
    client.disconnect();
  };
  const begin = async () => {
    const persist = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    const [command, ...by] = [...(place?.by ?? []), "redis-server"];
    const args = [...by, ...address, "--unixsocket", socket, "--dir", dir, ...persist, ...secret];
    server = start(command as string, args);
    await connected((client) => client.ping());
  };
  await begin();
  const url = place === undefined ? `unix://${socket}` : `redis://${place.address}:6399`;
  return {
    url,
    start: begin,
    clear: () => connected((client) => client.flushall()),
    async stop(signal = "SIGTERM") {
      server?.child.kill(signal);
      await server?.ended;
    },
  };
}

export interface WorkerOptions {
  readonly redis: string;
  readonly args?: readonly string[];
  readonly allow?: string;
  /** See kill-at.cjs. */
  readonly killAt?: string;
  /** Runs it by another command: `ip netns exec NAME`. */
  readonly by?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Another one than that of this build. */
  readonly program?: string;
}

/** Makes the clock of a program `off` milliseconds wrong: see wrong-clock.cjs. */
export function wrongClock(off: number): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--require ${WRONG_CLOCK}`, CORESIEVE_TEST_CLOCK: `${off}` };
}

/** A worker with one thread that takes over jobs after two seconds. */
export function worker(options: WorkerOptions) {
  const { redis, args = [], allow = share, killAt, by = [], env = {}, program = PROGRAM } = options;
  const preload = killAt === undefined ? [] : ["--require", KILLER];
  const [command, ...first] = [...by, process.execPath];
  const standard = ["--takeover", "2", "--grace", "0", "--num-threads", "1"];
  return start(command as string, [...first, ...preload, program, "worker", "--allow", allow, ...standard, ...args], {
    REDIS_URL: redis,
    ...(killAt === undefined ? {} : { CORESIEVE_TEST_KILL: killAt }),
    ...env,
  });
}

/** Waits until workers have begun: who finds no Redis when it starts ends. */
export function ready(...workers: readonly ReturnType<typeof worker>[]): Promise<void> {
  return until(() => workers.every(({ said }) => said().includes("waits for jobs")));
}

/** Waits until a process is stopped, as SIGSTOP stops it. */
export function stopped({ pid }: ChildProcess): Promise<void> {
  return until(() => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
}

/** Runs the command line to its end; `program`: another one than that of this build. */
export function coresieve(queue: string | { readonly redis: string; readonly program: string }, ...args: string[]) {
  const { redis, program } = typeof queue === "string" ? { redis: queue, program: PROGRAM } : queue;
  const env = { ...process.env, REDIS_URL: redis };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env });
  return { code: status, stdout, stderr };
}

/** The same without waiting here. */
export async function coresieveLater(redis: string, ...args: string[]) {
  const run = start(process.execPath, [PROGRAM, ...args], { REDIS_URL: redis });
  return { code: await run.ended, said: run.said() };
}

const opened = new Map<string, Promise<Queues>>();
afterAll(async () => {
  for (const queues of opened.values()) await (await queues).close();
});

function queuesOf(redis: string): Promise<Queues> {
  const known = opened.get(redis) ?? openQueues(redis);
  opened.set(redis, known);
  return known;
}

/** Submits a run and returns its id. */
export function submit(redis: string, ...args: string[]): string {
  const { code, stdout, stderr } = coresieve(redis, "submit", "--json", ...args);
  if (code !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as RunState).id;
}

export async function stateOf(redis: string, id: string): Promise<RunState> {
  const queues = await queuesOf(redis);
  return runState(queues, await findRun(queues, id));
}

/** Waits until a run is over. */
export async function over(redis: string, id: string): Promise<RunState> {
  for (;;) {
    const state = await stateOf(redis, id);
    if (state.state === "done" || state.state === "failed") return state;
    await setTimeout(100);
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(20);
}
