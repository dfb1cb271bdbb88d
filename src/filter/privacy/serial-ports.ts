import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { loadedModule, moduleNamed, moduleSymbol, moduleTypes } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

const MAX_DEVICES = 1 << 10;
/** 31 per device. */
const MAX_PORTS = 1 << 10;
/** The most descriptors of a queue. */
const MAX_QUEUE = 1 << 15;
/** The most bytes of one buffer: a page for input, 32 KiB for output. */
const MAX_BUFFER = 1 << 20;

/** The kernel with the types of a driver, and the place of the driver's variable. */
interface Driver {
  /** Types of the ports and of the queues, which may be separate modules. */
  readonly ports: KernelObjects;
  readonly rings: KernelObjects;
  readonly data: bigint;
}

/**
 * Data that wait in the ports of virtio-serial (drivers/char/virtio_console.c): the host's guest agent sets passwords
 * through them. Includes the buffers of each port's two queues and the one that is being read. `undefined` if the
 * driver exists, but its types or variables are not known: it is a module, and modules' types are known since 5.11.
 * Empty if the kernel has no such driver.
 */
export function serialPorts(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = driverOf(kernel);
  if (driver === undefined || driver === "none") return driver === "none" ? found : undefined;
  const { ports, rings, data } = driver;
  const seen = new Set<bigint>();
  const buffer = (address: bigint | undefined) => {
    if (!address || seen.has(address) || !ports.memory.isKernelAddress(address)) return;
    seen.add(address);
    const text = readMember(ports, "port_buffer", address, "buf");
    const size = Number(readMember(ports, "port_buffer", address, "size") ?? 0n);
    if (!text || !ports.memory.isKernelAddress(text) || size <= 0 || size > MAX_BUFFER) return;
    if (addVirtual(space, text, size, found.list) > 0) found.objects++;
  };
  const devices = memberAddress(ports, "ports_driver_data", data, "portdevs");
  if (devices === undefined) return undefined;
  for (const device of walkList(ports, devices, "ports_device", "list", MAX_DEVICES)) {
    const list = memberAddress(ports, "ports_device", device, "ports");
    if (list === undefined) return undefined;
    for (const port of walkList(ports, list, "port", "list", MAX_PORTS)) {
      buffer(readMember(ports, "port", port, "inbuf"));
      for (const name of ["in_vq", "out_vq"]) {
        for (const one of waiting(rings, readMember(ports, "port", port, name))) buffer(one);
      }
    }
  }
  return found;
}

function driverOf(kernel: KernelObjects): Driver | "none" | undefined {
  const { symbols, types } = kernel;
  const builtIn = types.member("ports_driver_data", "portdevs") && symbols.address("pdrvdata");
  if (builtIn !== undefined) return { ports: kernel, rings: kernel, data: builtIn };
  const module = loadedModule(kernel, "virtio_console");
  if (module === undefined || module === "none") return module;
  const own = moduleTypes(kernel, module);
  const data = moduleSymbol(kernel, module, "pdrvdata");
  const ring = moduleNamed(kernel, "virtio_ring");
  const ringTypes = ring === undefined ? types : moduleTypes(kernel, ring);
  if (own === undefined || ringTypes === undefined || data === undefined) return undefined;
  return { ports: { ...kernel, types: own }, rings: { ...kernel, types: ringTypes }, data };
}

const FORMS = [
  ["split", "vring_desc_state_split"],
  ["packed", "vring_desc_state_packed"],
] as const;

/** Whether a queue has packed rings; `undefined` if its type has neither of the members that say so. */
function isPacked(kernel: KernelObjects, ring: bigint): boolean | undefined {
  const flag = readPossibleMember(kernel, "vring_virtqueue", ring, "packed_ring");
  // The newer one: split, packed, and both again for buffers that come back in order.
  const layout = flag ?? readPossibleMember(kernel, "vring_virtqueue", ring, "layout");
  return layout === undefined ? undefined : (layout & 1n) === 1n;
}

/** Buffers that were given to a virtqueue and not taken back: the driver's own pointers. */
function* waiting(kernel: KernelObjects, queue: bigint | undefined): Generator<bigint> {
  const { memory, types } = kernel;
  const within = types.member("vring_virtqueue", "vq")?.offset;
  if (within === undefined) kernel.incomplete?.();
  if (!queue || within === undefined || !memory.isKernelAddress(queue)) return;
  const ring = queue - BigInt(within);
  // Since 6.0 both forms are in one place (a union): only the one that the queue has may be read.
  const packed = isPacked(kernel, ring);
  const forms = FORMS.filter(
    ([form]) =>
      types.member("vring_virtqueue", `${form}.desc_state`) !== undefined &&
      (packed === undefined || packed === (form === "packed")),
  );
  if (forms.length === 0) kernel.incomplete?.();
  for (const [form, state] of forms) {
    const table = readMember(kernel, "vring_virtqueue", ring, `${form}.desc_state`);
    const count = Number(readMember(kernel, "vring_virtqueue", ring, `${form}.vring.num`) ?? 0n);
    const size = types.sizeOf(state);
    if (!table || !size || !memory.isKernelAddress(table) || count > MAX_QUEUE) continue;
    for (let i = 0; i < count; i++) {
      const data = readMember(kernel, state, table + BigInt(i * size), "data");
      if (data && memory.isKernelAddress(data)) yield data;
    }
  }
}
