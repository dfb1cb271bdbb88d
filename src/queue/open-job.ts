import { DumpError } from "../errors.js";
import type { FilterOptions } from "../filter-types.js";
import type { Dump } from "../reader/dump.js";
import { allMachines, machineNamed } from "../reader/machine.js";
import { openDump } from "../reader/open.js";
import { parseRawPieces } from "../reader/raw/pieces.js";
import { folderStaging } from "../shard/folder-staging.js";
import { checkIdentity } from "../shard/input-identity.js";
import type { Staging } from "../shard/staging.js";
import type { Warnings } from "../warnings.js";
import { codecOf } from "../worker/codec/codecs.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Allowed } from "./allowed.js";
import type { DumpJob } from "./job-data.js";

/** Where a job's files are on this host. */
export interface JobPlaces {
  readonly output: string;
  /** The staging folder, beside the output. */
  readonly folder: string;
  readonly staging: Staging;
}

/** Throws `NOT_WRITABLE` for what this worker may not touch. */
export function placesOf(id: string, job: DumpJob, allowed: Allowed): JobPlaces {
  const output = allowed.output(job.output);
  const folder = `${output}.coresieve-${id}`;
  return { output, folder, staging: folderStaging(folder) };
}

/** Opens a job's input. Throws `INPUT_CHANGED` if it is not the one that was submitted, and what `openDump` does. */
export function openJobInput(job: DumpJob, allowed: Allowed, warnings: Warnings): Dump {
  const machine = job.arch === undefined ? undefined : machineNamed(job.arch);
  if (job.arch !== undefined && machine === undefined) {
    const names = allMachines().map(({ arch }) => arch);
    throw new DumpError("BAD_OPTION", `--arch ${job.arch}: there is no such machine`, {
      cure: `Machines are ${names.join(", ")}`,
    });
  }
  const paths = job.inputs.map((path) => allowed.input(path));
  const dump = openDump(paths, warnings, {
    salvage: job.salvage,
    ...(job.raw === undefined ? {} : { raw: parseRawPieces(job.raw) }),
    ...(machine === undefined ? {} : { machine }),
  });
  try {
    checkIdentity(dump, job.identity);
    return dump;
  } catch (error) {
    dump.close();
    throw error;
  }
}

/** A job's options as a filter run takes them. Throws `NOT_READABLE` for a vmlinux that this worker may not touch. */
export function filterOptionsOf(
  job: DumpJob,
  output: string,
  allowed: Allowed,
  warnings: Warnings,
  threads: WorkerThreads,
  signal: AbortSignal,
): FilterOptions {
  const { level, format, codec, privacy, privacyExtra, erase, vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice } = job;
  return {
    output: { path: output, force: job.force },
    ...{ level, format, privacy, privacyExtra, warnings, signal },
    codec: codecOf(codec.name, codec.level),
    workers: threads,
    ...(erase === undefined ? {} : { erase }),
    ...(vmcoreinfo === undefined ? {} : { vmcoreinfo }),
    ...(vmcoreinfoAt === undefined ? {} : { vmcoreinfoAt }),
    ...(vmcoreinfoDevice === undefined
      ? {}
      : { vmcoreinfoDevice: new Uint8Array(Buffer.from(vmcoreinfoDevice, "hex")) }),
    ...(job.vmlinux === undefined ? {} : { vmlinux: allowed.input(job.vmlinux) }),
  };
}
