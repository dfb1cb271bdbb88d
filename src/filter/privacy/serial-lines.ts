import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { driverData, netDevices } from "./large-objects.js";
import type { ScrubList } from "./scrubbed.js";

/** What comes in, goes out and is being uncompressed. */
const BUFFERS = ["rbuff", "xbuff", "cbuff"];
/** Each buffer has four bytes more than `buffsize`, which is twice the largest packet of at most 65,534 bytes. */
const MORE = 4;
const MAX_BUFFER = 1 << 18;

/**
 * Packets of the network on serial lines (SLIP) as they come in and go out. `undefined` if there may be some, but types
 * or symbols do not lead to them.
 */
export function serialLines(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "slip", type: "slip", variable: "sl_netdev_ops" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory } = kernel;
  if (driverData(base, 0n) === undefined) return undefined;
  for (const device of netDevices(base)) {
    if (readMember(base, "net_device", device, "netdev_ops") !== at) continue;
    const line = driverData(base, device) as bigint;
    const length = Number(readMember(kernel, "slip", line, "buffsize") ?? 0n);
    if (length <= 0 || length > MAX_BUFFER) continue;
    for (const name of BUFFERS) {
      const data = readMember(kernel, "slip", line, name);
      if (!data || !memory.isKernelAddress(data)) continue;
      if (addVirtual(space, data, length + MORE, found.list) > 0) found.objects++;
    }
  }
  return found;
}
