import type { PairNames } from "../raw/beside-file.js";

/** Names of VMware's files, for messages. */
export const VMWARE_FILES: PairNames = { state: "NAME.vmss", memory: "NAME.vmem" };

/** The path of the file with a state's memory, in the same folder. */
export function vmemBeside(path: string): string {
  return path.replace(/(\.[^./\\]*)?$/, ".vmem");
}
