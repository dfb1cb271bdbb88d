import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";

/** What a program that plays a TPM (vTPM: of containers and virtual machines) was asked last, or answered: keys, what was unsealed. */
export function playedChips(space: AddressSpace, base: KernelObjects, files: () => OpenFiles): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "tpm_vtpm_proxy", type: "proxy_dev", variable: "vtpm_proxy_fops" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const buffer = kernel.types.member("proxy_dev", "buffer");
  if (buffer === undefined) return undefined;
  for (const chip of dataOfOpenFiles(kernel, files(), (operations) => operations === at)) {
    if (!kernel.memory.isKernelAddress(chip)) continue;
    if (addVirtual(space, chip + BigInt(buffer.offset), buffer.size, found.list) > 0) found.objects++;
  }
  return found;
}
