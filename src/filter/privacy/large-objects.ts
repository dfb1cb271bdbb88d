import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { networkSpaces } from "../../kernel/objects/network-spaces.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { SearchSteps } from "./search-steps.js";

/** Pages that are the kernel's because its own lists lead to an object in them. */
export interface ObjectPages {
  readonly startPfn: number;
  readonly endPfn: number;
}

/** The objects to which the lists lead. */
export interface LargeObjects {
  readonly pages: readonly ObjectPages[];
  /**
   * Memory behind the objects in their pages: unused, or with data of a previous owner; and what guests wrote into
   * `struct kvm`. Must be overwritten.
   */
  readonly rest: SpanList;
  /** Objects that exist but were not found, so that they are dropped: names for people. */
  readonly missing: readonly string[];
}

const MAX_DEVICES = 1 << 20;
const MAX_QUEUES = 1 << 16;
const MAX_FILES = 1 << 26;
/** Pages of all objects, and struct pages that are asked where they end: several lists may name the same ones. */
const MAX_STEPS = 1 << 20;
const MAX_MACHINES = 1 << 16;
/** What a guest told Hyper-V's interface when it crashed: five of its registers. */
const GUEST_PLACES = ["arch.hyperv.hv_crash_param"];
/** The most bytes of one object: the queues of a device with 65,536 of them have about 30 MiB. */
const MAX_OBJECT = 64 << 20;

/** Tests by struct pages. */
export interface CompoundPages {
  /** Whether the page belongs to the slab allocator, or was never allocated. */
  isKernelData(pfn: number): boolean;
  /** Whether a page is the tail of a compound one. */
  isTail(pfn: number): boolean;
}

/** KMALLOC_MAX_SIZE is 4 MiB. */
const MAX_TAILS = 1 << 10;

/**
 * Objects that are too large for slabs, but that debuggers read: `struct net_device` and its queues, of all network
 * namespaces, the tables of open files (above 1,024 files), and `struct kvm` of virtual machines, in which a timer waits.
 * Their struct pages show no more than those of a pipe.
 * If types or symbols do not lead to them, nothing is found, and they are dropped. A driver's data behind its
 * net_device are kept if the kernel has their size (6.13 and later).
 */
export function largeObjects(
  space: AddressSpace,
  kernel: KernelObjects,
  tasks: Iterable<bigint>,
  compound: CompoundPages,
): LargeObjects {
  const finder = new Finder(space, kernel, compound);
  for (const device of netDevices(kernel)) finder.device(device);
  finder.files(tasks);
  finder.machines();
  return finder;
}

class Finder implements LargeObjects {
  readonly pages: ObjectPages[] = [];
  readonly rest = new SpanList();
  readonly missing: string[] = [];
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #compound: CompoundPages;
  readonly #steps = new SearchSteps(MAX_STEPS);

  constructor(space: AddressSpace, kernel: KernelObjects, compound: CompoundPages) {
    this.#space = space;
    this.#kernel = kernel;
    this.#compound = compound;
  }

  device(device: bigint): void {
    const { types } = this.#kernel;
    const own = this.#number("net_device", device, "priv_len", MAX_OBJECT);
    const aligned = Math.ceil((types.sizeOf("net_device") ?? 0) / 32) * 32;
    this.#add(device, aligned + own);
    for (const [array, count, element] of [
      ["_tx", "num_tx_queues", "netdev_queue"],
      ["_rx", "num_rx_queues", "netdev_rx_queue"],
    ] as const) {
      const queues = this.#number("net_device", device, count, MAX_QUEUES);
      // Receiving queues exist since 2.6.35, and until 5.x only with CONFIG_RPS.
      this.#add(readPossibleMember(this.#kernel, "net_device", device, array), queues * (types.sizeOf(element) ?? 0));
    }
  }

  files(tasks: Iterable<bigint>): void {
    const { memory } = this.#kernel;
    const seen = new Set<bigint>();
    for (const task of tasks) {
      const files = readMember(this.#kernel, "task_struct", task, "files");
      if (!files || !memory.isKernelAddress(files) || seen.has(files)) continue;
      seen.add(files);
      const table = readMember(this.#kernel, "files_struct", files, "fdt");
      if (!table || !memory.isKernelAddress(table)) continue;
      const count = this.#number("fdtable", table, "max_fds", MAX_FILES);
      this.#add(readMember(this.#kernel, "fdtable", table, "fd"), count * memory.wordSize);
    }
  }

  /** The virtual machines of KVM, which may be a module. */
  machines(): void {
    const driver = withModule(this.#kernel, { module: "kvm", type: "kvm", variable: "vm_list" });
    if (driver === "none") return;
    if (driver === undefined) {
      this.missing.push("virtual machines (struct kvm), if there are any");
      return;
    }
    const { kernel, at } = driver;
    for (const machine of walkList(kernel, at, "kvm", "vm_list", MAX_MACHINES)) {
      // Up to 8 KiB it is a slab's (6.16 and later), whose pages stay in any case.
      this.#add(machine, kernel.types.sizeOf("kvm") ?? 0);
      for (const place of GUEST_PLACES) {
        const address = memberAddress(kernel, "kvm", machine, place);
        if (address !== undefined)
          addVirtual(this.#space, address, kernel.types.member("kvm", place)?.size ?? 0, this.rest);
      }
    }
  }

  /** Keeps the object's pages, if it is no slab's. */
  #add(address: bigint | undefined, length: number): void {
    const { memory } = this.#kernel;
    const { pageSize } = memory;
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_OBJECT) return;
    const first = this.#space.translate(address);
    // Most are in slabs, next to other objects, or existed at boot.
    if (first === undefined || this.#compound.isKernelData(Math.floor(first.paddr / pageSize))) return;
    const within = Number((address + BigInt(length)) % BigInt(pageSize));
    if (!this.#steps.take(Math.ceil(length / pageSize) + 1)) return;
    let last = 0;
    for (let at = address - (address % BigInt(pageSize)); at < address + BigInt(length); at += BigInt(pageSize)) {
      const place = this.#space.translate(at);
      if (place === undefined) return;
      last = Math.floor(place.paddr / pageSize);
      this.#addPage(last);
    }
    let restEnd = (last + 1) * pageSize;
    // A large kmalloc is one compound page, which is kept as a whole.
    for (let i = 1; i <= MAX_TAILS && this.#compound.isTail(last + i); i++) {
      // The pages stay already: if steps run out, only the next object is refused.
      this.#steps.take();
      restEnd = (last + i + 1) * pageSize;
    }
    const start = within === 0 ? (last + 1) * pageSize : last * pageSize + within;
    if (restEnd > start) this.rest.add(start, restEnd - start);
  }

  #addPage(pfn: number): void {
    const range = this.pages.at(-1);
    if (range?.endPfn === pfn) this.pages[this.pages.length - 1] = { startPfn: range.startPfn, endPfn: pfn + 1 };
    else this.pages.push({ startPfn: pfn, endPfn: pfn + 1 });
  }

  #number(type: string, at: bigint, name: string, most: number): number {
    return Math.min(Number(readPossibleMember(this.#kernel, type, at, name) ?? 0n), most);
  }
}

/** All network devices of all namespaces. */
export function* netDevices(kernel: KernelObjects): Generator<bigint> {
  const { types } = kernel;
  const list = types.member("net", "dev_base_head");
  if (list === undefined) return;
  let left = MAX_DEVICES;
  for (const net of networkSpaces(kernel)) {
    for (const device of walkList(kernel, net + BigInt(list.offset), "net_device", "dev_list", left)) {
      if (left-- <= 0) return;
      yield device;
    }
  }
}

/** What the driver of a network device has: behind the device, since 6.9 in a member of its own. */
export function driverData({ types }: KernelObjects, device: bigint): bigint | undefined {
  const size = types.sizeOf("net_device");
  const own = types.member("net_device", "priv")?.offset;
  return size === undefined ? undefined : device + BigInt(own ?? Math.ceil(size / 32) * 32);
}
