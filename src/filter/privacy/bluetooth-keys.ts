import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, walkList } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { pairingSecrets } from "./bluetooth-pairing.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_STEPS = 1 << 18;
/** Lists of a controller, the types of their entries, and the members with a key. */
const LISTS = [
  ["link_keys", "link_key"],
  ["long_term_keys", "smp_ltk"],
  ["identity_resolving_keys", "smp_irk"],
] as const;

/**
 * Keys of paired Bluetooth devices, the machine's own identity key, and the secrets of a pairing in progress. Connections
 * have no further keys: the controller derives theirs from these. Codes of broadcasts, which connections and sockets have
 * (struct bt_iso_qos, since 6.x), stay. `undefined` if there may be keys, but types or symbols do not
 * lead to them, or not to all.
 */
export function bluetoothKeys(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "bluetooth", type: "hci_dev", variable: "hci_dev_list" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { types } = kernel;
  for (const controller of walkList(kernel, at, "hci_dev", "list", MAX_STEPS)) {
    // The key from which a controller makes its changing (private) addresses.
    const own = types.member("hci_dev", "irk");
    if (own !== undefined && addVirtual(space, controller + BigInt(own.offset), own.size, found.list) > 0)
      found.objects++;
    pairingSecrets(kernel, controller, steps, (address, length) => {
      if (addVirtual(space, address, length, found.list) > 0) found.objects++;
    });
    for (const [list, type] of LISTS) {
      const head = memberAddress(kernel, "hci_dev", controller, list);
      const value = types.member(type, "val");
      if (head === undefined || value === undefined || !steps.take()) return undefined;
      for (const key of walkList(kernel, head, type, "list", MAX_STEPS)) {
        if (!steps.take()) return undefined;
        if (addVirtual(space, key + BigInt(value.offset), value.size, found.list) > 0) found.objects++;
      }
    }
  }
  return found;
}
