import { hostname } from "node:os";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DumpError } from "../../errors.js";
import type { DumpRequest } from "../../queue/job-data.js";
import type { RunState } from "../../queue/run-state.js";
import { type InputIdentity, identityOf, objectIdentity } from "../../shard/input-identity.js";
import { MAX_SHARDS } from "../../shard/shard-plan.js";
import { isStorePath } from "../../store/store-url.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { eraseFile } from "../erase-option.js";
import { INPUT_HELP } from "../input-help.js";
import { completeOptions, INPUT_OPTIONS, openOptions } from "../input-options.js";
import { describeRun } from "../jobs-table.js";
import { CODEC_OPTIONS, filterRequest } from "../options.js";
import { printJson, printLines } from "../print.js";

const HELP = `coresieve submit DUMP OUT [options]: filter a dump with the workers of a queue

Workers (coresieve help worker) share the work and write OUT together: the same
bytes as one machine would. DUMP and OUT lie in a folder that all of them have
at the same place, or in a store (s3://). The same dump is filtered once.

  -d, --level LEVEL        what is dropped, as in a filter run (default 31)
      --exclude NAMES      the same by name: zero,cache,cache-private,user,free
      --privacy            all that may hold users' data
      --privacy-extra LIST overwrite also: registers,tty
      --erase FILE         overwrite kernel data in kept pages, by rules in FILE
  -c, --zlib               compress pages with zlib,
  -l, --lzo                with LZO,
  -p, --snappy             with snappy,
  -z, --zstd               or with zstd
      --compress NAME      the same by name
      --compression-level N   zlib 1 to 9, zstd 1 to 19 (default 1)
  -E, --elf                ELF instead of kdump-compressed
  -f, --force              overwrite OUT
${INPUT_HELP}
      --shards N           parts of the work (default: auto, by size, workers)
      --priority N         1 goes first, 2097152 last (default: before these)
      --again              run it though it is done already
      --wait               wait until it is done, and say how it went
      --redis URL          the queue (default: $REDIS_URL, or this host)
      --strict             make every warning an error
      --json               print the run as JSON
  -q, --quiet              print errors only
  -v, --version            print the version
  -h, --help               print this text

Example
  coresieve submit /share/vmcore /share/small.kdump -l --wait
`;

const OPTIONS = {
  ...INPUT_OPTIONS,
  level: { ...VALUE, alias: "d" },
  exclude: VALUE,
  privacy: FLAG,
  "privacy-extra": VALUE,
  erase: VALUE,
  ...CODEC_OPTIONS,
  elf: { ...FLAG, alias: "E" },
  force: { ...FLAG, alias: "f" },
  shards: VALUE,
  priority: VALUE,
  again: FLAG,
  wait: FLAG,
  redis: VALUE,
  strict: FLAG,
  json: FLAG,
  quiet: { ...FLAG, alias: "q" },
} as const;

type Values = OptionValues<typeof OPTIONS>;

/** `coresieve submit DUMP… OUT`: puts a filter run into the queue. */
export const submitCommand = defineCommand({ help: HELP, options: OPTIONS, run: runSubmit });

async function runSubmit(files: readonly string[], values: Values, { signal }: CommandContext): Promise<void> {
  const request = await dumpRequest(files, values);
  const shards = wholeNumber("--shards", values.shards === "auto" ? undefined : values.shards, 1, MAX_SHARDS) ?? 0;
  const priority = wholeNumber("--priority", values.priority, 1, 2 ** 21) ?? 0;
  const [{ openQueues, redisUrl }, { laterState, submitRun }] = await Promise.all([
    import("../../queue/queues.js"),
    import("../../queue/jobs.js"),
  ]);
  const queues = await openQueues(redisUrl(values.redis));
  try {
    const submitted = await submitRun(queues, request, { shards, priority, host: hostname(), again: values.again });
    let { state } = submitted;
    if (!values.quiet && !values.json) {
      const again = submitted.what === "known" ? " (submitted before)" : "";
      printLines([`${submitted.id}${again}: ${describeRun(state)}`]);
    }
    while (values.wait && !["done", "failed", "unreadable"].includes(state.state)) {
      await setTimeout(500, undefined, { signal }).catch(() => {
        throw new DumpError("ABORTED", `stopped waiting; ${submitted.id} goes on`);
      });
      state = await laterState(queues, state);
    }
    if (values.json) printJson(state, 2);
    else if (values.wait && !values.quiet) printLines([describeRun(state)]);
    if (values.wait && state.state !== "done") throw failed(state);
  } finally {
    await queues.close();
  }
}

function failed({ inputs, reason }: RunState): DumpError {
  return new DumpError("WORKER_FAILED", reason ?? "failed, and nobody says why", { file: inputs[0] ?? "" });
}

/** What is submitted. Names are those that the workers see: absolute ones. Throws `BAD_OPTION`, `NOT_READABLE`. */
async function dumpRequest(files: readonly string[], values: Values): Promise<DumpRequest> {
  const none = { dedupe: false, flatten: false, numThreads: undefined, sizeLimit: undefined, onFull: undefined };
  const request = filterRequest({ ...values, ...none, pack: undefined, files });
  if (request.output === undefined || request.pack !== undefined) {
    throw new DumpError("BAD_OPTION", `${files.at(-1)}: several hosts cannot write to a stream or a packed file`, {
      cure: "Name a plain file, and pack it when it is there",
    });
  }
  const { level, format, codec, privacy, privacyExtra } = request;
  if (request.fallbackLevels.length > 0) {
    throw new DumpError("BAD_OPTION", `-d ${values.level}: several levels are tried by one machine only`, {
      cure: "Submit it with one level",
    });
  }
  if (values.spoolDir !== undefined || values.spoolLimit !== undefined) {
    throw new DumpError("BAD_OPTION", "--spool-dir and --spool-limit are the workers' own", {
      cure: "Start the workers with --spool-dir",
    });
  }
  // What is wrong with these is said here, and not by a worker.
  openOptions(values);
  const { vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice, vmlinux } = completeOptions(values);
  const erase = eraseFile(values);
  const inputs = request.inputs.map(placeNamed);
  const identity: InputIdentity[] = [];
  for (const path of inputs) identity.push(isStorePath(path) ? await objectIdentity(path) : identityOf(path));
  return {
    ...{ inputs, identity, level, format, privacy, privacyExtra },
    output: placeNamed(request.output),
    force: values.force,
    codec: { name: codec.name, level: codec.level },
    erase,
    strict: values.strict,
    salvage: values.salvage,
    raw: values.raw,
    arch: values.arch,
    vmcoreinfo,
    vmcoreinfoAt,
    vmcoreinfoDevice: vmcoreinfoDevice && Buffer.from(vmcoreinfoDevice).toString("hex"),
    vmlinux: vmlinux === undefined ? undefined : placeNamed(vmlinux),
  };
}

function placeNamed(path: string): string {
  return isStorePath(path) ? path : resolve(path);
}

export function wholeNumber(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new DumpError("BAD_OPTION", `${name} ${text}: no whole number from ${least} to ${most}`);
}
