import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, readText, walkList } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

const MAX_DEVICES = 1 << 12;
/** A string of SMBIOS ends with a zero; its structure has at most 64 KiB. */
const MAX_TEXT = 1 << 16;
/** DMI_DEV_TYPE_OEM_STRING */
const OEM_TEXT = -2;
/** Places in `dmi_ident` of what only this machine has: numbers of its parts, and tags that its owner gave them. */
const OWN = [
  "DMI_PRODUCT_SERIAL",
  "DMI_PRODUCT_UUID",
  "DMI_BOARD_SERIAL",
  "DMI_BOARD_ASSET_TAG",
  "DMI_CHASSIS_SERIAL",
  "DMI_CHASSIS_ASSET_TAG",
];

/**
 * Copies of texts that the machine's owner gave to its firmware (OEM strings of SMBIOS): virtual machines get passwords and
 * keys for their services so (systemd's credentials). The kernel keeps one of each from its start on.
 * `undefined` if the kernel has them, but no symbol leads there.
 */
export function firmwareTexts(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  if (types.member("dmi_device", "name") === undefined) return found;
  const list = symbols.address("dmi_devices");
  if (list === undefined) return symbols.address("init_task") === undefined ? undefined : found;
  // Until its list is made, at the kernel's start, it is 0.
  if (memory.readWord(list) === 0n) return found;
  for (const device of walkList(kernel, list, "dmi_device", "list", MAX_DEVICES)) {
    const type = Number(BigInt.asIntN(32, readMember(kernel, "dmi_device", device, "type") ?? 0n));
    if (type === OEM_TEXT) addText(space, kernel, readMember(kernel, "dmi_device", device, "name"), found);
  }
  return found;
}

/** Numbers of the machine's parts, and tags that its owner gave them (SMBIOS). Empty if symbols do not lead there. */
export function machineNumbers(space: AddressSpace, kernel: KernelObjects): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const texts = symbols.address("dmi_ident");
  for (const name of texts === undefined ? [] : OWN) {
    const place = types.enumerator(name);
    if (place === undefined) continue;
    addText(space, kernel, memory.readWord((texts as bigint) + place * BigInt(memory.wordSize)), found);
  }
  return found;
}

function addText(space: AddressSpace, { memory }: KernelObjects, at: bigint | undefined, found: ScrubList): void {
  const text = at && memory.isKernelAddress(at) ? readText(memory, at, MAX_TEXT) : undefined;
  // One of blanks is a constant of the kernel's.
  if (at && text?.trim() && addVirtual(space, at, text.length, found.list) > 0) found.objects++;
}
