import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleSymbol, moduleTypes } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { InputQueues } from "./input-queues.js";

const MAX_DEVICES = 1 << 12;
/** struct input_value: a type, a code and a value; a driver says how many make a packet. */
const VALUE = 8;
const MAX_VALUES = 1 << 12;

/**
 * Events that input devices told last, which stay in the device until the next ones come; of the keyboards and mice of
 * virtual machines (virtio-input) also those in the ring that the host writes to. `undefined` if symbols do not lead to
 * the devices.
 */
export function lastEvents(space: AddressSpace, kernel: KernelObjects): InputQueues | undefined {
  const { memory, symbols, types } = kernel;
  const missing: string[] = [];
  const found: InputQueues = { list: new SpanList(), objects: 0, missing };
  const list = symbols.address("input_dev_list");
  if (types.sizeOf("input_dev") === undefined) return found;
  if (list === undefined) return symbols.address("init_task") === undefined ? undefined : found;
  const rings = hostRings(kernel);
  if (rings === undefined) missing.push("virtio-input");
  const erase = (address: bigint, length: number) => {
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  for (const device of walkList(kernel, list, "input_dev", "node", MAX_DEVICES)) {
    const values = readMember(kernel, "input_dev", device, "vals");
    const count = Number(readMember(kernel, "input_dev", device, "max_vals") ?? 0n);
    if (values && memory.isKernelAddress(values) && count <= MAX_VALUES) erase(values, count * VALUE);
    const ring = rings?.(device);
    if (ring !== undefined) erase(ring.address, ring.length);
  }
  return found;
}

type RingOf = (device: bigint) => { readonly address: bigint; readonly length: number } | undefined;

/** The ring of an input device, if that is virtio's; `undefined` if there may be some, but nothing tells which. */
function hostRings(kernel: KernelObjects): RingOf | undefined {
  const { symbols } = kernel;
  const module = symbols.address("modules") === undefined ? undefined : moduleNamed(kernel, "virtio_input");
  const types = module === undefined ? kernel.types : moduleTypes(kernel, module);
  const name = "virtinput_status";
  const status = module === undefined ? symbols.address(name) : moduleSymbol(kernel, module, name);
  if (module === undefined && status === undefined) return () => undefined;
  const ring = types?.member("virtio_input", "evts");
  if (status === undefined || ring === undefined) return undefined;
  return (device) => {
    if (readMember(kernel, "input_dev", device, "event") !== status) return undefined;
    const own = readMember(kernel, "input_dev", device, "dev.driver_data");
    if (!own || !kernel.memory.isKernelAddress(own)) return undefined;
    return { address: own + BigInt(ring.offset), length: ring.size };
  };
}
