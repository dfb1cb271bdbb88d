import { codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import { allMachines, machineNamed } from "../reader/machine.js";
import { openDump } from "../reader/open.js";
import { openInput } from "../reader/open-input.js";
import { parseRawPieces } from "../reader/raw/pieces.js";
import { openSideFile, type SideFile, sideFileOf } from "../reader/source/side-file.js";
import type { FilterOptions } from "../run/filter-types.js";
import { checkIdentity } from "../shard/input-identity.js";
import { outputPlace } from "../shard/output-place.js";
import type { OutputPlace } from "../shard/place.js";
import { isRunId } from "../shard/staging-names.js";
import { isStorePath } from "../store/store-url.js";
import type { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Allowed } from "./allowed.js";
import type { Host } from "./host.js";
import { type DumpJob, UnreadableJob } from "./job-data.js";

/**
 * Where a job's output comes into being; to be let go at the end. Throws `NOT_WRITABLE` for what this worker may not touch, `UnreadableJob` for an ID
 * that no run has.
 */
export async function placeOf(
  id: string,
  job: DumpJob,
  { allowed, store }: Pick<Host, "allowed" | "store">,
): Promise<OutputPlace> {
  // It is a part of the staging's name, and would lead out of what this worker may touch.
  if (!isRunId(id)) {
    const cause = new DumpError("BAD_OPTION", "the job's ID is not one that `coresieve submit` gives", {
      cure: "Let nothing else write to coresieve's queues; `coresieve jobs cancel ID` removes the job",
    });
    throw new UnreadableJob(cause);
  }
  const { path, folder } = allowed.output(job.output);
  return outputPlace(path, id, store, folder);
}

/** Opens a job's input. Throws `INPUT_CHANGED` if it is not the one that was submitted, and what `openInput` does. */
export async function openJobInput(job: DumpJob, allowed: Allowed, warnings: Warnings): Promise<Dump> {
  const machine = job.arch === undefined ? undefined : machineNamed(job.arch);
  if (job.arch !== undefined && machine === undefined) {
    const names = allMachines().map(({ arch }) => arch);
    throw new DumpError("BAD_OPTION", `--arch ${job.arch}: unknown architecture`, {
      cure: `Architectures are ${names.join(", ")}`,
    });
  }
  const paths = job.inputs.map((path) => (isStorePath(path) ? allowed.object(path) : path));
  const options = {
    salvage: job.salvage,
    openFile: allowed.openInput,
    ...(job.raw === undefined ? {} : { raw: parseRawPieces(job.raw) }),
    ...(machine === undefined ? {} : { machine }),
  };
  // Streams and packed files are refused: each worker would unpack all of it.
  const dump = paths.some(isStorePath)
    ? await openInput(paths, warnings, { ...options, inPlace: true })
    : openDump(paths, warnings, options);
  try {
    checkIdentity(dump, job.identity);
    return dump;
  } catch (error) {
    dump.close();
    throw error;
  }
}

/** Opens a job's vmlinux, if it has one. Throws `NOT_READABLE` for one that this worker may not touch, and what `openSideFile` does. */
export async function openJobVmlinux({ vmlinux }: DumpJob, allowed: Allowed): Promise<SideFile | undefined> {
  if (vmlinux === undefined) return undefined;
  return isStorePath(vmlinux) ? openSideFile(allowed.object(vmlinux)) : sideFileOf(allowed.openInput(vmlinux));
}

/** A job's options as a filter run takes them. */
export function filterOptionsOf(
  job: DumpJob,
  output: string,
  vmlinux: SideFile | undefined,
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
    ...(vmlinux === undefined ? {} : { vmlinux }),
  };
}
