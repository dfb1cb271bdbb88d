import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** LP_NO */
const MAX_PRINTERS = 8;

/** What was printed last on printers at parallel ports (drivers/char/lp.c): each has a buffer of a page. */
export function printers(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "lp", type: "lp_struct", variable: "lp_table" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const size = kernel.types.sizeOf("lp_struct");
  if (!size) return undefined;
  for (let i = 0; i < MAX_PRINTERS; i++) {
    const buffer = readMember(kernel, "lp_struct", at + BigInt(i * size), "lp_buffer");
    if (!buffer || !kernel.memory.isKernelAddress(buffer)) continue;
    if (addVirtual(space, buffer, kernel.memory.pageSize, found.list) > 0) found.objects++;
  }
  return found;
}
