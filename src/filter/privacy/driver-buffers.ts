import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readText,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { loadedModule, moduleNamed, moduleTypes, withModule } from "../../kernel/objects/module-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { kernelVersion } from "../../kernel/version.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { blockBuffers } from "./block-buffers.js";
import { bluetoothKeys } from "./bluetooth-keys.js";
import { longFrames, repeatedFrames } from "./can-frames.js";
import { fileRequests } from "./file-requests.js";
import { firmwareTexts } from "./firmware-texts.js";
import { lastEvents } from "./input-devices.js";
import { eventQueues, type InputQueues, rawReports } from "./input-queues.js";
import { lineBuffers } from "./line-disciplines.js";
import { managementAnswers } from "./management-controllers.js";
import type { OpenFiles } from "./open-files.js";
import { playedChips } from "./played-chips.js";
import { printers } from "./printers.js";
import { programTexts } from "./program-texts.js";
import { rpcBuffers } from "./rpc-buffers.js";
import type { ScrubList } from "./scrubbed.js";
import { serialLines } from "./serial-lines.js";
import { serialPorts } from "./serial-ports.js";
import { midiBuffers, sequencerEvents, soundControls } from "./sound-buffers.js";
import { spokenText } from "./spoken-text.js";
import { squashfsCaches } from "./squashfs-caches.js";
import { traceCopies } from "./trace-copies.js";
import { traceHistograms } from "./trace-histograms.js";
import { usbLines, usbTransfers } from "./usb-transfers.js";
import { someOf, watchedKernel } from "./watched-kernel.js";
import { wirelessKeys } from "./wireless-keys.js";

/** Data of drivers in their own `kmalloc` buffers. */
export interface DriverBuffers extends ScrubList {
  /** Buffers that exist, or may exist, but were not found: names for people. */
  readonly missing: readonly string[];
}

const MAX_SOURCES = 256;
const MAX_NAME = 64;
/** rng_buffer_size(): a cache line, at least 32 bytes. */
const RANDOM_BUFFER = 64;

type Search = (
  space: AddressSpace,
  kernel: KernelObjects,
  files: () => OpenFiles,
) => (ScrubList & Partial<InputQueues>) | undefined;

/** What is searched for, by the names that `remains` has for it. */
const SEARCHES: readonly (readonly [string, Search])[] = [
  ["virtio-serial", (space, kernel) => serialPorts(space, kernel)],
  ["zsmalloc", (space, kernel) => mappingAreas(space, kernel)],
  ["hardware random numbers", (space, kernel) => randomNumbers(space, kernel)],
  ["keyboards and other input devices", (space, kernel) => eventQueues(space, kernel)],
  ["hidraw", (space, kernel) => rawReports(space, kernel)],
  ["CAN (ISO-TP)", (space, kernel) => longFrames(space, kernel)],
  ["CAN (cyclic frames)", (space, kernel) => repeatedFrames(space, kernel)],
  ["SLIP", (space, kernel) => serialLines(space, kernel)],
  ["MIDI", (space, kernel) => midiBuffers(space, kernel)],
  ["the sequencer of sound", (space, kernel) => sequencerEvents(space, kernel)],
  ["controls of sound cards", (space, kernel) => soundControls(space, kernel)],
  ["9p", (space, kernel) => fileRequests(space, kernel)],
  ["NFS (SUNRPC)", (space, kernel) => rpcBuffers(space, kernel)],
  ["blocks of disks (dm-bufio)", (space, kernel) => blockBuffers(space, kernel)],
  ["files of squashfs", (space, kernel) => squashfsCaches(space, kernel)],
  ["the last events of input devices", (space, kernel) => lastEvents(space, kernel)],
  ["keys of Bluetooth", (space, kernel) => bluetoothKeys(space, kernel)],
  ["keys of wireless networks", (space, kernel) => wirelessKeys(space, kernel)],
  ["serial lines", lineBuffers],
  ["USB", usbTransfers],
  ["serial lines of USB", (space, kernel) => usbLines(space, kernel)],
  ["emulated TPMs (vTPM)", playedChips],
  ["text that is read aloud", (space, kernel) => spokenText(space, kernel)],
  ["firmware (OEM strings)", (space, kernel) => firmwareTexts(space, kernel)],
  ["printers", (space, kernel) => printers(space, kernel)],
  ["management controllers (IPMI)", managementAnswers],
  ["texts on their way into traces", (space, kernel) => traceCopies(space, kernel)],
  ["histograms of traces", (space, kernel, files) => traceHistograms(space, kernel, files)],
  ["what BPF programs print", (space, kernel) => programTexts(space, kernel)],
];

/**
 * Finds buffers of virtio-serial, of zsmalloc (a page per CPU, before 6.16), of sources of random numbers, of input
 * devices, serial lines, CAN, sound, file systems and disks. `files` are asked for terminals. The types and variables of modules also come from the kernel's memory (5.11 and later).
 */
export function driverBuffers(space: AddressSpace, kernel: KernelObjects, files: () => OpenFiles): DriverBuffers {
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  for (const [name, search] of SEARCHES) {
    const watched = watchedKernel(kernel);
    const list = search(space, watched.kernel, files);
    if (list === undefined) {
      found.missing.push(name);
      continue;
    }
    found.list.addAll(list.list.merged(0));
    found.objects += list.objects;
    found.missing.push(...(list.missing ?? []), ...(watched.cut ? [someOf(name)] : []));
  }
  return found;
}

/**
 * Whether AF_VSOCK packets may be in buffers to which nothing leads: struct virtio_vsock_pkt, before 6.2 and in stable
 * kernels before they got that change (6.1.192 has it). False if the types lack it, or the module is not loaded.
 */
export function mayHaveVsockPackets(kernel: KernelObjects, version: number): boolean {
  if (version >= kernelVersion(6, 2)) return false;
  const { symbols, types } = kernel;
  let known: KernelTypes | undefined = types;
  if (symbols.address("virtio_transport_recv_pkt") === undefined) {
    const module = loadedModule(kernel, "vmw_vsock_virtio_transport_common");
    if (module === undefined || module === "none") return module === undefined;
    known = moduleTypes(kernel, module);
  }
  return known === undefined || known.sizeOf("virtio_vsock_pkt") !== undefined;
}

/** Data of drivers in kmalloc memory to which nothing leads, including some that were not found. */
export function otherBuffers(version: number, missing: readonly string[] | undefined, vsock: boolean): string {
  const names = [
    ...(missing ?? [
      "virtio-serial",
      "hardware random numbers",
      "keyboards and other input devices",
      ...(version < kernelVersion(6, 16) ? ["zsmalloc"] : []),
    ]),
    ...(vsock ? ["AF_VSOCK"] : []),
  ];
  return `kmalloc memory: buffers of drivers, disks and file systems (also of their journals, compression and servers)${names.length === 0 ? "" : `, among them ${names.join(", ")}`}`;
}

/** Where zsmalloc assembles an object that is in two pages. */
function mappingAreas(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "zsmalloc", type: "mapping_area", variable: "zs_map_area" });
  // Does not exist since 6.16.
  if (driver === "none" || (driver === undefined && isWithoutAreas(base))) return found;
  const cpus = possibleCpus(base);
  if (driver === undefined || cpus === undefined) return undefined;
  const { kernel, at } = driver;
  for (const cpu of cpus) {
    const area = perCpuAddress(kernel, at, cpu);
    const buffer = area && readMember(kernel, "mapping_area", area, "vm_buf");
    if (!buffer || !kernel.memory.isKernelAddress(buffer)) continue;
    if (addVirtual(space, buffer, kernel.memory.pageSize, found.list) > 0) found.objects++;
  }
  return found;
}

/** Whether zsmalloc is built in, or a module with known types, and has no such areas. */
function isWithoutAreas(kernel: KernelObjects): boolean {
  const module = loadedModule(kernel, "zsmalloc");
  if (module === undefined) return false;
  const types = module === "none" ? kernel.types : moduleTypes(kernel, module);
  return types?.sizeOf("zs_pool") !== undefined && types.sizeOf("mapping_area") === undefined;
}

/** Buffers of /dev/hwrng, of the thread that feeds the kernel's pool, and of virtio-rng. */
function randomNumbers(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || addVirtual(space, address, length, found.list) === 0) return;
    found.objects++;
  };
  const list = symbols.address("rng_list");
  if (list === undefined || types.member("hwrng", "priv") === undefined) {
    return loadedModule(kernel, "rng_core") === "none" ? found : undefined;
  }
  for (const name of ["rng_buffer", "rng_fillbuf"]) {
    const at = symbols.address(name);
    erase(at === undefined ? undefined : memory.readWord(at), RANDOM_BUFFER);
  }
  for (const source of walkList(kernel, list, "hwrng", "list", MAX_SOURCES)) {
    const name = readMember(kernel, "hwrng", source, "name");
    if (!name || readText(memory, name, MAX_NAME)?.startsWith("virtio_rng") !== true) continue;
    const module = moduleNamed(kernel, "virtio_rng");
    const own = module === undefined ? types : moduleTypes(kernel, module);
    const device = readMember(kernel, "hwrng", source, "priv");
    const data = own?.member("virtrng_info", "data");
    if (own === undefined || !device || data === undefined) return undefined;
    erase(
      memberAddress({ ...kernel, types: own }, "virtrng_info", device, "data"),
      Math.min(data.size, memory.pageSize),
    );
  }
  return found;
}
