import { x86Notes } from "../cpu-notes/x86_64.js";
import type { Dump } from "../dump.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import { behindState, layOutMemory, memoryBeside, type PairNames } from "../raw/beside-file.js";
import { memoryDump } from "../raw/memory-dump.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { readGuest } from "./guest.js";

/**
 * Opens ESXi's debug.guest with its debug.vmem, which the user named or which is in the same folder. Throws `CORRUPT`,
 * `TRUNCATED`, `LIMIT`, `NOT_READABLE`, `BAD_OPTION`.
 */
export function openVmwareGuest(images: readonly SourceImage[], options: FormatOptions): Dump {
  const [state, named] = images as readonly [SourceImage, SourceImage | undefined];
  const { pieces, arch, cpus } = readGuest(attachSource(state));
  const beside = memoryBeside(state, named, VMWARE_FILES, vmemBeside, options);
  try {
    const { data, cut } = layOutMemory({ pieces, ...behindState(state, beside.image) }, state, beside.image, options);
    return memoryDump(
      {
        sources: [state, beside.image],
        data,
        format: "vmware",
        description: `VMware debug state, memory in ${beside.image.file.path}`,
        incomplete: cut,
        machine: machineNamed(arch),
        noteArea: x86Notes(cpus),
      },
      options,
    );
  } catch (error) {
    beside.close();
    throw error;
  }
}

/** Names of VMware's files, for messages. */
export const VMWARE_FILES: PairNames = { state: "NAME.vmss", memory: "NAME.vmem" };

/** The path of the file with a state's memory, in the same folder. */
export function vmemBeside(path: string): string {
  return path.replace(/(\.[^./\\]*)?$/, ".vmem");
}
