import { codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import { allMachines, machineNamed } from "../reader/machine.js";
import { openInput } from "../reader/open-input.js";
import { parseRawPlace } from "../reader/raw/pieces.js";
import { openSideFile, type SideFile, sideFileOf } from "../reader/source/side-file.js";
import { unpackVmlinux } from "../reader/source/unpack-vmlinux.js";
import type { WholeFilterOptions } from "../run/filter-types.js";
import { isStorePath } from "../store/store-url.js";
import type { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Allowed } from "./allowed.js";
import { checkIdentity } from "./input-identity.js";
import type { DumpRequest } from "./run-request.js";

/** Opens a run's input. Throws `INPUT_CHANGED` if it is not the requested one, and what `openInput` throws. */
export async function openRunInput(request: DumpRequest, allowed: Allowed, warnings: Warnings): Promise<Dump> {
  const machine = request.arch === undefined ? undefined : machineNamed(request.arch);
  if (request.arch !== undefined && machine === undefined) {
    const names = allMachines().map(({ arch }) => arch);
    throw new DumpError("BAD_OPTION", `--arch ${request.arch}: unknown architecture`, {
      cure: `Architectures are ${names.join(", ")}`,
    });
  }
  const paths = request.inputs.map((path) => (isStorePath(path) ? allowed.object(path) : path));
  const options = {
    salvage: request.salvage,
    openFile: allowed.openInput,
    ...(request.raw === undefined ? {} : { raw: parseRawPlace(request.raw) }),
    ...(machine === undefined ? {} : { machine }),
  };
  const dump = await openInput(paths, warnings, { ...options, inPlace: true });
  try {
    checkIdentity(dump, request);
    return dump;
  } catch (error) {
    dump.close();
    throw error;
  }
}

/**
 * Opens a run's vmlinux, if it has one. Throws `NOT_READABLE` for one that is not allowed, and what `openSideFile`
 * throws.
 */
export async function openRunVmlinux({ vmlinux }: DumpRequest, allowed: Allowed): Promise<SideFile | undefined> {
  if (vmlinux === undefined) return undefined;
  const file = isStorePath(vmlinux)
    ? await openSideFile(allowed.object(vmlinux))
    : sideFileOf(allowed.openInput(vmlinux));
  return unpackVmlinux(file);
}

/** A run's options in the form of a filter run's. */
export function filterOptionsOf(
  request: DumpRequest,
  output: string,
  vmlinux: SideFile | undefined,
  warnings: Warnings,
  threads: WorkerThreads,
  signal: AbortSignal,
): WholeFilterOptions {
  const {
    level,
    format,
    codec,
    privacy,
    privacyStrict,
    privacyExtra,
    privacyKeep,
    erase,
    excludeUnusedVmemmap,
    vmcoreinfo,
    vmcoreinfoAt,
    vmcoreinfoDevice,
  } = request;
  return {
    output: { path: output, force: request.force },
    ...{ level, format, privacyExtra, privacyKeep, excludeUnusedVmemmap, warnings, signal },
    privacy: privacyStrict ? "strict" : privacy,
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
