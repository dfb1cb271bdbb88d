import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleSymbol, moduleTypes } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./private-objects.js";

const MAX_DEVICES = 1 << 10;
/** 31 of a device. */
const MAX_PORTS = 1 << 10;
/** Descriptors of a queue. */
const MAX_QUEUE = 1 << 15;
/** Bytes of one buffer: a page for what comes in, 32 KiB at most for what goes out. */
const MAX_BUFFER = 1 << 20;

/** The kernel with the types of a driver, and where the driver's variable is. */
interface Driver {
  /** Of the ports, and of the queues: modules of their own, perhaps. */
  readonly ports: KernelObjects;
  readonly rings: KernelObjects;
  readonly data: bigint;
}

/**
 * What waits in the ports of virtio-serial (drivers/char/virtio_console.c): passwords that the host's guest agent sets go through there. Buffers of each
 * port's two queues and the one that is being read. `undefined` where the driver is there, and its types or variables are not: it is a module, and
 * those of modules are told since 5.11; nothing where the kernel has none.
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
  const devices = memberAddress(ports.types, "ports_driver_data", data, "portdevs");
  if (devices === undefined) return undefined;
  for (const device of walkList(ports, devices, "ports_device", "list", MAX_DEVICES)) {
    const list = memberAddress(ports.types, "ports_device", device, "ports");
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
  if (symbols.address("modules") === undefined) return undefined;
  const module = moduleNamed(kernel, "virtio_console");
  if (module === undefined) return "none";
  const own = moduleTypes(kernel, module);
  const data = moduleSymbol(kernel, module, "pdrvdata");
  const ring = moduleNamed(kernel, "virtio_ring");
  const ringTypes = ring === undefined ? types : moduleTypes(kernel, ring);
  if (own === undefined || ringTypes === undefined || data === undefined) return undefined;
  return { ports: { ...kernel, types: own }, rings: { ...kernel, types: ringTypes }, data };
}

/** What was given to a virtqueue and was not taken back: the driver's own pointers. */
function* waiting(kernel: KernelObjects, queue: bigint | undefined): Generator<bigint> {
  const { memory, types } = kernel;
  const within = types.member("vring_virtqueue", "vq")?.offset;
  if (!queue || within === undefined || !memory.isKernelAddress(queue)) return;
  const ring = queue - BigInt(within);
  // Which of the two forms it has is a flag whose name changed: the other one's pointers are none.
  for (const [form, state] of [
    ["split", "vring_desc_state_split"],
    ["packed", "vring_desc_state_packed"],
  ] as const) {
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
