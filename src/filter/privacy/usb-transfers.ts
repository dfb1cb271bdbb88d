import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { moduleVariable, withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { InputQueues } from "./input-queues.js";
import { dataOfOpenFiles, type OpenFiles } from "./open-files.js";
import { SearchSteps } from "./search-steps.js";
import { guessing } from "./watched-kernel.js";

/** Files, requests, lines and records together. */
const MAX_STEPS = 1 << 18;
const MAX_REQUESTS = 1 << 16;
const MAX_BUSES = 1 << 10;
/** `kmalloc` has objects of so many pages; larger buffers are whole pages, which are dropped. */
const MAX_PAGES = 2;
/** The two pieces that a line has of each kind (struct usb_serial_port). */
const PIECES = 2;

type Erase = (address: bigint | undefined, length: number) => void;

/** A list, and a function that adds memory to it. */
function collector(space: AddressSpace, { memory }: KernelObjects) {
  const found = { list: new SpanList(), objects: 0, missing: [] as string[] };
  const erase: Erase = (address, length) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0 || length > MAX_PAGES * memory.pageSize) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  return { found, erase };
}

/**
 * Requests of programs to USB devices (usbfs: readers of smart cards and fingerprints, printers, telephones), on their way
 * or done and not fetched; and records of such requests that wait for a monitor (usbmon), which have their first bytes.
 */
export function usbTransfers(
  space: AddressSpace,
  base: KernelObjects,
  files: () => OpenFiles,
  steps = new SearchSteps(MAX_STEPS),
): InputQueues | undefined {
  const { found, erase } = collector(space, base);
  const driver = withModule(base, { module: "usbcore", type: "usb_dev_state", variable: "usbdev_file_operations" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  for (const program of dataOfOpenFiles(kernel, files(), (operations) => operations === at)) {
    for (const name of ["async_pending", "async_completed"]) {
      const list = memberAddress(kernel, "usb_dev_state", program, name);
      if (list === undefined) return undefined;
      for (const request of walkList(kernel, list, "async", "asynclist", MAX_REQUESTS)) {
        if (!steps.take()) break;
        const urb = readMember(kernel, "async", request, "urb");
        if (!urb || !kernel.memory.isKernelAddress(urb)) continue;
        const length = Number(readMember(kernel, "urb", urb, "transfer_buffer_length") ?? 0n);
        erase(readMember(kernel, "urb", urb, "transfer_buffer"), length);
      }
    }
  }
  if (!monitors(base, steps, erase)) found.missing.push("USB (monitors)");
  if (steps.cut) found.missing.push("USB (too many)");
  return found;
}

/**
 * Adds the data in records for monitors of a bus; false if there may be some that were not found. (Files do not lead to
 * them: debugfs has its own operations.)
 */
function monitors(base: KernelObjects, steps: SearchSteps, erase: Erase): boolean {
  const driver = withModule(base, { module: "usbmon", type: "mon_reader_text", variable: "mon_buses" });
  if (driver === undefined || driver === "none") return driver === "none";
  const { kernel, at } = driver;
  // The bus that stands for all is in no list.
  const all = moduleVariable(base, "usbmon", "mon_bus0");
  const data = kernel.types.member("mon_event_text", "data");
  const own = kernel.types.member("mon_reader_text", "r")?.offset;
  if (typeof all !== "bigint" || data === undefined || own === undefined) return false;
  for (const bus of [all, ...walkList(kernel, at, "mon_bus", "bus_link", MAX_BUSES)]) {
    const readers = memberAddress(kernel, "mon_bus", bus, "r_list");
    if (readers === undefined) return false;
    for (const one of walkList(kernel, readers, "mon_reader", "r_link", MAX_REQUESTS)) {
      if (!steps.take()) return true;
      const reader = readMember(kernel, "mon_reader", one, "r_data");
      // Others have their records in pages.
      if (reader === undefined || reader + BigInt(own) !== one || !isText(kernel, reader)) continue;
      const list = memberAddress(kernel, "mon_reader_text", reader, "e_list");
      for (const record of list === undefined ? [] : walkList(kernel, list, "mon_event_text", "e_link", MAX_REQUESTS)) {
        if (!steps.take()) return true;
        erase(record + BigInt(data.offset), data.size);
      }
      const size = Number(readMember(kernel, "mon_reader_text", reader, "printf_size") ?? 0n);
      erase(readMember(kernel, "mon_reader_text", reader, "printf_buf"), size);
    }
  }
  return true;
}

/** Whether a monitor reads text: it has a list that leads back to it. The other kind has numbers and pages there. */
function isText(base: KernelObjects, reader: bigint): boolean {
  const kernel = guessing(base);
  const list = memberAddress(kernel, "mon_reader_text", reader, "e_list") as bigint;
  const next = kernel.memory.readWord(list);
  if (!next || !kernel.memory.isKernelAddress(next)) return false;
  return kernel.memory.readWord(next + BigInt(kernel.memory.wordSize)) === list;
}

/** What came and went on serial lines of USB (modems, consoles of other machines): all drivers of usbserial. */
export function usbLines(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): InputQueues | undefined {
  const { found, erase } = collector(space, base);
  const driver = withModule(base, { module: "usbserial", type: "usb_serial_port", variable: "serial_minors" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { types } = kernel;
  const number = (line: bigint, name: string) => Number(readMember(kernel, "usb_serial_port", line, name) ?? 0n);
  const root = readMember(kernel, "idr", at, "idr_rt.xa_head") ?? 0n;
  const fifo = types.member("usb_serial_port", "write_fifo")?.offset;
  for (const line of xarrayEntries(kernel, root, steps)) {
    for (let i = 0; i < PIECES; i++) {
      erase(readMember(kernel, "usb_serial_port", line, `bulk_in_buffers[${i}]`), number(line, "bulk_in_size"));
      erase(readMember(kernel, "usb_serial_port", line, `bulk_out_buffers[${i}]`), number(line, "bulk_out_size"));
    }
    erase(readMember(kernel, "usb_serial_port", line, "interrupt_out_buffer"), number(line, "interrupt_out_size"));
    const request = readMember(kernel, "usb_serial_port", line, "interrupt_in_urb");
    const came = request && Number(readMember(kernel, "urb", request, "transfer_buffer_length") ?? 0n);
    if (came) erase(readMember(kernel, "usb_serial_port", line, "interrupt_in_buffer"), came);
    if (fifo === undefined) kernel.incomplete?.();
    else {
      const queue = line + BigInt(fifo);
      const bytes = Number(readMember(kernel, "__kfifo", queue, "mask") ?? 0n) + 1;
      erase(readMember(kernel, "__kfifo", queue, "data"), bytes);
    }
  }
  if (steps.cut) found.missing.push("serial lines of USB (too many)");
  return found;
}
