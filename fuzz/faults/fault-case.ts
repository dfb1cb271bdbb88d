import { type Random, randomFrom } from "../random.js";

/** What test/support/inject-fault.cjs is told. */
export interface Injected {
  readonly call: string;
  readonly after: number;
  readonly what?: string;
  readonly thread?: string;
  readonly times?: number;
  readonly output?: boolean;
}

/** What is done to a run. */
export type Fault =
  | {
      readonly kind: "call";
      readonly group: string;
      readonly inject: Injected;
      readonly heap?: number;
    }
  | { readonly kind: "signal"; readonly group: string; readonly signal: NodeJS.Signals; readonly at: number }
  | {
      readonly kind: "input";
      readonly group: string;
      readonly change: InputChange;
      readonly at: number;
      readonly where: number;
    }
  | { readonly kind: "folder"; readonly group: string; readonly change: FolderChange; readonly at: number }
  | { readonly kind: "pipe"; readonly group: string; readonly end: "cut" | "stops" | "reader"; readonly where: number };

export type InputChange = "cut off" | "longer" | "written to" | "removed" | "replaced";
export type FolderChange = "removed" | "moved" | "taken";

/** One run: what is read, how it is filtered, and what goes wrong. Moments and places are parts of the whole, 0 to 1. */
export interface FaultCase {
  readonly format: Format;
  readonly options: readonly string[];
  readonly fault: Fault;
}

export const FORMATS = [
  "elf",
  "kdump",
  "flattened",
  "split",
  "lime",
  "avml",
  "elf.gz",
  "kdump.zst",
  "flat.lz4",
] as const;
export type Format = (typeof FORMATS)[number];

const OPTIONS: readonly (readonly string[])[] = [
  ["-d", "0", "--compress", "none"],
  ["-d", "1", "-l"],
  ["-d", "31", "-c"],
  ["-d", "31", "-z", "--dedupe"],
  ["-d", "0", "-p"],
  ["-d", "31", "-E"],
  ["-d", "1", "-E", "--sync"],
  ["--privacy", "-l"],
  ["-d", "17", "-c", "--sync"],
  ["-d", "0", "--compress", "none", "-L", "9M", "--on-full", "incomplete"],
  ["-d", "0,31", "-L", "6M", "-l"],
  ["--salvage", "-d", "1", "-p"],
];
const READ_ERRORS = ["EIO", "ESTALE", "EACCES", "ENXIO"] as const;
const WRITE_ERRORS = ["EIO", "ENOSPC", "EDQUOT", "EFBIG", "nothing"] as const;

/** The case of a seed. */
export function chosenCase(seed: number): FaultCase {
  // Numbers of neighbouring seeds begin alike: the first ones are passed over.
  const random = randomFrom(Math.imul(seed, 0x9e3779b1));
  for (let skip = 0; skip < 8; skip++) random(2);
  return faultCase(random);
}

function faultCase(random: Random): FaultCase {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const fault = pick(MAKERS)(random, pick);
  const format = fault.kind === "pipe" ? pick(["elf", "flattened", "kdump"] as const) : pick(FORMATS);
  // What has gone down a pipe cannot be taken back: other levels and incomplete dumps are refused there.
  const options = fault.kind === "pipe" && fault.end === "reader" ? OPTIONS.filter((o) => !o.includes("-L")) : OPTIONS;
  return { format, options: [...pick(options), "--num-threads", `${1 + random(3)}`], fault };
}

type Maker = (random: Random, pick: <T>(list: readonly T[]) => T) => Fault;

const call = (group: string, inject: Injected, heap?: number): Fault => ({
  ...{ kind: "call", group, inject },
  ...(heap === undefined ? {} : { heap }),
});

/** Half of them once, half from then on. */
const times = (random: Random) => (random(2) === 0 ? { times: 1 + random(3) } : {});
const moment = (random: Random) => random(1200) / 1000;

const MAKERS: readonly Maker[] = [
  (random, pick) =>
    call("a read fails", {
      ...{ call: "readSync", what: pick(READ_ERRORS), after: random(80), ...times(random) },
      ...(random(2) === 0 ? { thread: pick(["main", "worker"]) } : {}),
    }),
  (random) => call("reads find the end of the file", { call: "readSync", what: "nothing", after: random(80) }),
  (random, pick) =>
    call("reads are short or interrupted", {
      ...{ call: "readSync", what: pick(["short", "EINTR"]), after: random(40), times: 1 + random(4) },
    }),
  (random, pick) =>
    call("a write fails or takes nothing", {
      ...{ call: "writeSync", what: pick(WRITE_ERRORS), after: random(60), thread: "main", ...times(random) },
    }),
  (random, pick) =>
    call("writes are short or interrupted", {
      ...{ call: "writeSync", what: pick(["short", "EINTR"]), after: random(40), thread: "main", times: 1 + random(4) },
    }),
  (random, pick) =>
    call("another call of the file system fails", {
      ...{ call: pick(["closeSync", "fsyncSync", "ftruncateSync", "fstatSync", "openSync"]) },
      ...{ what: pick(["EIO", "ENOSPC", "EPERM"]), after: random(6), thread: "main", output: true, ...times(random) },
    }),
  (random, pick) =>
    call("the output's name cannot be given, or the input not be looked at", {
      ...{ call: pick(["linkSync", "renameSync", "fstatSync"]), what: pick(["EIO", "ENOSPC", "EPERM"]) },
      ...{ after: random(4), thread: "main", ...times(random) },
    }),
  (random, pick) =>
    call("a worker thread ends", {
      call: "readSync",
      what: pick(["exit", "uncaught"]),
      thread: "worker",
      after: random(60),
    }),
  (random) =>
    call(
      "a worker thread has no memory left",
      { call: "readSync", what: "memory", thread: "worker", after: random(20) },
      40,
    ),
  (random) => call("memory cannot be had", { call: "memory", after: 2 ** (8 + random(16)) }),
  (random) => ({ kind: "signal", group: "SIGKILL", signal: "SIGKILL", at: moment(random) }),
  (random) => ({ kind: "signal", group: "SIGKILL", signal: "SIGKILL", at: moment(random) }),
  (random, pick) => ({
    ...{ kind: "signal", group: "SIGTERM, SIGINT, SIGHUP" },
    ...{ signal: pick(["SIGTERM", "SIGINT", "SIGHUP"] as const), at: moment(random) },
  }),
  (random, pick) => ({
    ...{ kind: "input", group: "the input changes" },
    change: pick(["cut off", "longer", "written to", "removed", "replaced"] as const),
    ...{ at: moment(random), where: random(1000) / 1000 },
  }),
  (random, pick) => ({
    ...{ kind: "folder", group: "the output's folder goes, or its name is taken" },
    ...{ change: pick(["removed", "moved", "taken"] as const), at: moment(random) },
  }),
  (random, pick) => ({
    ...{ kind: "pipe", group: "a pipe is cut off, or nobody reads it" },
    ...{ end: pick(["cut", "stops", "reader"] as const), where: random(1000) / 1000 },
  }),
];
