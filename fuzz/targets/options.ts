/** Texts that users and other hosts give: command lines, option files, VMCOREINFO files, jobs of a queue. */
import { parseCommandLine } from "../../src/cli/command-line.js";
import { parseMakedumpfile } from "../../src/cli/makedumpfile/arguments.js";
import { Messages } from "../../src/cli/makedumpfile/messages.js";
import { releaseOf, withoutVmcoreinfo } from "../../src/kernel/given-vmcoreinfo.js";
import { dumpJob, JOB_FORMAT, shardJob } from "../../src/queue/job-data.js";
import { openDump } from "../../src/reader/open.js";
import { readPlan } from "../../src/shard/plan-files.js";
import { seal } from "../../src/shard/sealed.js";
import { readDone, readPlace, readSize } from "../../src/shard/shard-done.js";
import type { ShardPlan } from "../../src/shard/shard-plan.js";
import type { Staging } from "../../src/shard/staging.js";
import { isStorePath, parseStorePath } from "../../src/store/store-url.js";
import { Warnings } from "../../src/warnings.js";
import { asFile, folder } from "../files.js";
import { attempt } from "../look.js";
import type { FuzzTarget } from "../target.js";
import { elfs } from "./dump-files.js";

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");
const textSeeds = (texts: readonly string[]) => () => texts.map((text) => Buffer.from(text));
const signal = new AbortController().signal;

/** Nothing of what is asked for is done: words in lines. */
const commandLineTarget: FuzzTarget = {
  name: "command-line",
  text: true,
  longest: 2048,
  seeds: textSeeds([
    "vmcore\nout\n-d\n1,31\n-c\n--num-threads\n2",
    "filter\nvmcore\nout\n-L\n500M\n--on-full\nincomplete\n--exclude\nzero,cache\n--raw\n0-3G,4G-",
    "info\nvmcore\n--json\n--vmcoreinfo-device\n01000100240800000060081000000000",
    "audit\nout\n--secrets\nfile\n--original\nvmcore",
    "s3://bucket/key\nout\n--min-saving=20",
  ]),
  async run(input) {
    const words = latin1(input).split("\n");
    parseMakedumpfile(words, "makedumpfile", new Messages({ stdout: { write: () => 0 }, stderr: { write: () => 0 } }));
    for (const word of words) {
      if (isStorePath(word)) attempt(() => parseStorePath(word));
    }
    await parseCommandLine(
      words.filter((word) => !word.startsWith("--conf")),
      { signal, threads: undefined },
    );
  },
};

/** A file of options, for the command that the first line names. */
const configTarget: FuzzTarget = {
  name: "config",
  text: true,
  longest: 2048,
  seeds: textSeeds([
    'filter\n{"level": 31, "compress": "zlib", "sync": true}',
    'info\n{"json": true, "audit": {"secrets": "a"}, "filter": {"exclude": ["zero", "cache"]}}',
  ]),
  async run(input) {
    const end = Math.max(0, input.indexOf(10));
    const path = asFile("config", input.subarray(end + 1));
    await parseCommandLine([latin1(input.subarray(0, end)), "x", "y", "--config", path], {
      signal,
      threads: undefined,
    });
  },
};

/** In the place of a dump's own text: `-i`. */
const givenTarget: FuzzTarget = {
  name: "given-vmcoreinfo",
  text: true,
  longest: 8192,
  seeds: () => [Buffer.from("OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff82a10000\n"), ...elfs],
  run(input) {
    attempt(() => releaseOf({ text: latin1(input), name: "given" }, new Warnings()));
    const dump = openDump(asFile("given", input));
    try {
      const without = withoutVmcoreinfo(dump);
      if (without.noteArea.length > dump.noteArea.length) throw new Error("notes grew");
    } finally {
      dump.close();
    }
  },
};

const digest = "0".repeat(64);
const job = {
  ...{ version: JOB_FORMAT, program: "0.1.0" },
  ...{ inputs: ["/d/vmcore"], identity: [{ size: 5, mtimeMs: 1.5 }], output: "/d/out", force: false },
  ...{ level: 31, format: "kdump", codec: { name: "zlib", level: 1 }, privacy: false, strict: false },
  ...{ privacyStrict: false, privacyExtra: [], privacyKeep: [], excludeUnusedVmemmap: false },
  ...{ salvage: false, shards: 0, priority: 0, submitted: { host: "h", at: 1 }, round: 0 },
};

/** Data of jobs, as any other program could put them into the queue. */
const jobTarget: FuzzTarget = {
  name: "job-data",
  text: true,
  longest: 4096,
  seeds: textSeeds([
    JSON.stringify(job),
    JSON.stringify({ ...job, planned: { digest, shards: 2, kept: 5, round: -1, program: "0.1.0" } }),
    JSON.stringify({
      ...{ version: JOB_FORMAT, program: "0.1.0", dump: "a000000000000000" },
      ...{ index: 0, shards: 2, pages: 5, digest },
    }),
  ]),
  run(input) {
    let data: unknown;
    try {
      data = JSON.parse(utf8(input));
    } catch {
      return;
    }
    attempt(() => dumpJob(data));
    attempt(() => shardJob(data));
  },
};

/** Files that other hosts left in the shared folder: all have the input's bytes, as they are and sealed. A plan is vouched for by its digest. */
const shardTarget: FuzzTarget = {
  name: "shard-files",
  text: true,
  longest: 4096,
  seeds: textSeeds([
    '{"index":0,"size":12,"zeroPages":0}',
    '{"index":0,"size":12,"zeroPages":0,"start":4096,"sha256":"0","host":"h","parts":[{"number":1,"size":3,"etag":"e"}],"reach":0,"edges":[{"offset":0,"length":4}],"edgeBytes":"0"}',
  ]),
  async run(input) {
    const plan = { shards: [{ pages: 1 }], output: {} } as unknown as ShardPlan;
    for (const read of [async () => input, async (name: string) => sealedInput(name, input)]) {
      const staging = { name: folder, plan: "", read } as unknown as Staging;
      await readSize(staging, 0).catch(onlyDumpErrors);
      await readPlace(staging, 0).catch(onlyDumpErrors);
      await readDone(staging, plan, 0).catch(onlyDumpErrors);
      await readPlan(staging).catch(onlyDumpErrors);
    }
  },
};

/** Otherwise all that is read of a changed input is that its seal is broken. */
function sealedInput(name: string, input: Uint8Array): Uint8Array {
  try {
    return seal("", name, JSON.parse(utf8(input)));
  } catch {
    return input;
  }
}

function onlyDumpErrors(error: unknown): void {
  if (!(error instanceof Error && error.name === "DumpError")) throw error;
}

export const optionTargets: readonly FuzzTarget[] = [
  commandLineTarget,
  configTarget,
  givenTarget,
  jobTarget,
  shardTarget,
];
