import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleVariable, withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { driverData, netDevices } from "./large-objects.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_STEPS = 1 << 18;
/** WLAN_CIPHER_SUITE_AES_CMAC and its form of 256 bits: their keys are expanded in the object itself (6.19 and later). */
const CMAC = new Set([0x000fac06n, 0x000fac0dn]);

/**
 * Keys of wireless networks (mac80211): of links, groups and the protection of management frames. `undefined` if there may
 * be some, but types or symbols do not lead to them, or not to all.
 */
export function wirelessKeys(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const wanted = { module: "mac80211", type: "ieee80211_sub_if_data", variable: "ieee80211_dataif_ops" };
  const driver = withModule(base, wanted);
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { types } = kernel;
  // Where the card converts frames of Ethernet itself.
  const operations = new Set([at, moduleVariable(base, "mac80211", "ieee80211_dataif_8023_ops")]);
  const key = types.member("ieee80211_key", "conf.key");
  const expanded = types.member("ieee80211_key", "u.aes_cmac.key");
  if (key === undefined) return undefined;
  for (const device of netDevices(base)) {
    if (!steps.take()) return undefined;
    const own = operations.has(readMember(base, "net_device", device, "netdev_ops") ?? 0n)
      ? driverData(base, device)
      : undefined;
    const list = own && memberAddress(kernel, "ieee80211_sub_if_data", own, "key_list");
    for (const one of list ? walkList(kernel, list, "ieee80211_key", "list", MAX_STEPS) : []) {
      if (!steps.take()) return undefined;
      const length = Number(readMember(kernel, "ieee80211_key", one, "conf.keylen") ?? 0n);
      if (addVirtual(space, one + BigInt(key.offset), length, found.list) > 0) found.objects++;
      if (expanded !== undefined && CMAC.has(readMember(kernel, "ieee80211_key", one, "conf.cipher") ?? 0n))
        addVirtual(space, one + BigInt(expanded.offset), expanded.size, found.list);
    }
  }
  return found;
}
