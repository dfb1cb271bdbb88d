import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleSymbol, moduleTypes, withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { fieldValues, MAX_VALUES } from "./field-values.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_DEVICES = 1 << 12;
const MAX_PROGRAMS = 1 << 12;
/** evdev takes the next power of two of 64 or more events; struct input_event has at most this size. */
const MAX_EVENTS = 1 << 16;
const EVENT_SIZE = 24;
/** HIDRAW_MAX_DEVICES, HIDRAW_BUFFER_SIZE, UHID_BUFSIZE and HID_MAX_BUFFER_SIZE. */
const RAW_DEVICES = 64;
const RAW_REPORTS = 64;
const PLAYED_REPORTS = 32;
const MAX_REPORT = 1 << 14;
/** Devices, programs and reports together. */
const MAX_STEPS = 1 << 18;

/** What waits at input devices. */
export interface InputQueues extends ScrubList {
  /** What exists but was not found, or not all of it: names for people. */
  readonly missing: readonly string[];
}

/**
 * Events of keyboards, mice and the like that programs have not read, and read ones that were not overwritten yet: a ring
 * for each program that has the device open (drivers/input/evdev.c). `undefined` if the driver exists, but its types or
 * its variable are not known.
 */
export function eventQueues(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): InputQueues | undefined {
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  const driver = withModule(base, { module: "evdev", type: "evdev_client", variable: "evdev_handler" });
  if (driver === undefined || driver === "none") return driver === "none" ? found : undefined;
  const { kernel, at } = driver;
  const { types, memory } = kernel;
  const handles = memberAddress(kernel, "input_handler", at, "h_list");
  const ring = types.member("evdev_client", "buffer")?.offset;
  const event = types.sizeOf("input_event");
  if (handles === undefined || ring === undefined || event === undefined || event > EVENT_SIZE) return undefined;
  const seen = new Set<bigint>();
  for (const handle of walkList(kernel, handles, "input_handle", "h_node", MAX_DEVICES)) {
    const device = readMember(kernel, "input_handle", handle, "private");
    const clients = device && memberAddress(kernel, "evdev", device, "client_list");
    if (!clients || !memory.isKernelAddress(clients) || seen.has(clients)) continue;
    seen.add(clients);
    for (const client of walkList(kernel, clients, "evdev_client", "node", MAX_PROGRAMS)) {
      const events = Math.min(Number(readMember(kernel, "evdev_client", client, "bufsize") ?? 0n), MAX_EVENTS);
      // A ring counts by its pages, of which each may be a piece of its own.
      if (!steps.take(1 + Math.ceil((events * event) / memory.pageSize))) break;
      if (events > 0 && addVirtual(space, client + BigInt(ring), events * event, found.list) > 0) found.objects++;
    }
    if (steps.cut) break;
  }
  if (steps.cut) found.missing.push("keyboards and other input devices (too many)");
  return found;
}

/**
 * Reports that programs have not read from /dev/hidraw*, those to devices that other programs play (uhid: keys for
 * signing in), and the last values of fields in reports. `undefined` as above.
 */
export function rawReports(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): InputQueues | undefined {
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  const driver = withModule(base, { module: "hid", type: "hidraw_list", variable: "hidraw_table" });
  if (driver === undefined || driver === "none") return driver === "none" ? found : undefined;
  const { kernel, at } = driver;
  const { types, memory } = kernel;
  const erase = ({ address, length }: Report, most = MAX_REPORT) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > most) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  const ring = types.member("hidraw_list", "buffer");
  const size = types.sizeOf("hidraw_report");
  if (ring === undefined || !size) return undefined;
  const reports = Math.min(Math.floor(ring.size / size), RAW_REPORTS);
  const played = playedDevices(base);
  if (played === undefined) found.missing.push("uhid");
  const seen = new Set<bigint>();
  for (let i = 0; i < RAW_DEVICES && !steps.cut; i++) {
    const device = memory.readWord(at + BigInt(i * memory.wordSize));
    const programs = device && memberAddress(kernel, "hidraw", device, "list");
    if (!programs || !memory.isKernelAddress(programs) || seen.has(programs)) continue;
    seen.add(programs);
    for (const program of walkList(kernel, programs, "hidraw_list", "node", MAX_PROGRAMS)) {
      if (!steps.take(1 + reports)) break;
      for (let n = 0; n < reports; n++) {
        const report = program + BigInt(ring.offset + n * size);
        const length = Number(readMember(kernel, "hidraw_report", report, "len") ?? 0n);
        erase({ address: readMember(kernel, "hidraw_report", report, "value"), length });
      }
    }
    const hid = readMember(kernel, "hidraw", device as bigint, "hid");
    for (const waiting of hid && played ? played(hid) : []) erase(waiting);
    for (const values of hid && memory.isKernelAddress(hid) ? fieldValues(kernel, hid, steps) : [])
      erase(values, MAX_VALUES);
  }
  if (steps.cut) found.missing.push("hidraw (too many)");
  return found;
}

interface Report {
  readonly address: bigint | undefined;
  readonly length: number;
}

/**
 * Returns a function for the reports that wait for the program that plays a device; empty for other devices.
 * `undefined` if there may be such devices, but types or symbols do not lead to them.
 */
function playedDevices(kernel: KernelObjects): ((hid: bigint) => Iterable<Report>) | undefined {
  const module = kernel.symbols.address("modules") === undefined ? undefined : moduleNamed(kernel, "uhid");
  const types = module === undefined ? kernel.types : moduleTypes(kernel, module);
  const operations =
    module === undefined ? kernel.symbols.address("uhid_hid_driver") : moduleSymbol(kernel, module, "uhid_hid_driver");
  const queue = types?.member("uhid_device", "outq");
  if (module === undefined && operations === undefined && queue === undefined) return () => [];
  const length = types?.sizeOf("uhid_event");
  if (types === undefined || operations === undefined || queue === undefined || length === undefined) return undefined;
  const own = { ...kernel, types };
  const { wordSize } = kernel.memory;
  const count = Math.min(Math.floor(queue.size / wordSize), PLAYED_REPORTS);
  return function* (hid) {
    const device = readMember(own, "hid_device", hid, "driver_data");
    if (!device || readMember(own, "hid_device", hid, "ll_driver") !== operations) return;
    for (let i = 0; i < count; i++) {
      yield { address: kernel.memory.readWord(device + BigInt(queue.offset + i * wordSize)), length };
    }
    // What the program said last, and asked for: in the device itself.
    for (const name of ["input_buf", "report_buf"]) {
      const own = types.member("uhid_device", name);
      if (own !== undefined) yield { address: device + BigInt(own.offset), length: own.size };
    }
  };
}
