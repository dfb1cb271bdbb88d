import type { PairNames } from "../raw/beside-file.js";

/** What VMware's files are called. */
export const VMWARE_FILES: PairNames = { state: "NAME.vmss", memory: "NAME.vmem" };

/** The file with the memory beside a state. */
export function vmemBeside(path: string): string {
  return path.replace(/(\.[^./\\]*)?$/, ".vmem");
}
