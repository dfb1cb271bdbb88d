import { hostname } from "node:os";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DumpError } from "../../errors.js";
import type { DumpRequest } from "../../queue/job-data.js";
import type { RunState } from "../../queue/run-state.js";
import { type InputIdentity, identityOf, objectIdentity } from "../../shard/input-identity.js";
import { isStorePath } from "../../store/store-url.js";
import { type CommandAbout, type CommandContext, defineCommand } from "../command.js";
import { eraseFile } from "../erase-option.js";
import { completeOptions, openOptions } from "../input-options.js";
import { describeRun } from "../jobs-table.js";
import { filterRequest } from "../options/filter-request.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines } from "../print.js";

const ABOUT: CommandAbout = {
  usage: "coresieve submit DUMP OUT [options]: filter a dump with the workers of a queue",
  text: `Workers (coresieve help worker) share the work and write OUT together: the same
bytes as one machine would. DUMP and OUT lie in a folder that all of them have
at the same place, or in a store (s3://). The same dump is filtered once.`,
  examples: `Example
  coresieve submit /share/vmcore /share/small.kdump -l --wait`,
};

type Values = OptionValues<"submit">;

/** `coresieve submit DUMP… OUT`: puts a filter run into the queue. */
export const submitCommand = defineCommand({ name: "submit", about: ABOUT, run: runSubmit });

async function runSubmit(files: readonly string[], values: Values, { signal }: CommandContext): Promise<void> {
  const request = await dumpRequest(files, values);
  const shards = values.shards ?? 0;
  const priority = values.priority ?? 0;
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
    throw new DumpError("BAD_OPTION", `-d ${values.level?.join(",")}: several levels are tried by one machine only`, {
      cure: "Submit it with one level",
    });
  }
  // What is wrong with these is said here, and not by a worker.
  openOptions(values);
  const { vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice } = await completeOptions(values);
  const erase = await eraseFile(values);
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
    vmlinux: values.vmlinux === undefined ? undefined : placeNamed(values.vmlinux),
  };
}

function placeNamed(path: string): string {
  return isStorePath(path) ? path : resolve(path);
}
