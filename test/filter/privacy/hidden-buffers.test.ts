/** Buffers that types alone do not show: of USB, of emulated TPMs, of traces, of text that is read aloud. */
import { expect, test } from "vitest";
import { playedChips } from "../../../src/filter/privacy/played-chips.js";
import { spokenText } from "../../../src/filter/privacy/spoken-text.js";
import { traceCopies } from "../../../src/filter/privacy/trace-copies.js";
import { usbLines, usbTransfers } from "../../../src/filter/privacy/usb-transfers.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { BASE, machine, OPEN_FILES, piecesOf, space, taskWithFiles } from "../../support/fake-machine.js";

const REQUESTS = {
  ...OPEN_FILES,
  usb_dev_state: [0, 200],
  "usb_dev_state.async_pending": [40, 16],
  "usb_dev_state.async_completed": [56, 16],
  "async.asynclist": [0, 16],
  "async.urb": [72, 8],
  "urb.transfer_buffer": [96, 8],
  "urb.transfer_buffer_length": [136, 4],
  mon_reader_text: [0, 200],
  "mon_bus.bus_link": [0, 16],
  "mon_bus.r_list": [80, 16],
  "mon_reader.r_link": [0, 16],
  "mon_reader.r_data": [24, 8],
  "mon_reader_text.e_list": [16, 16],
  "mon_reader_text.r": [32, 56],
  "mon_reader_text.printf_size": [112, 4],
  "mon_reader_text.printf_buf": [136, 8],
  "mon_event_text.e_link": [0, 16],
  "mon_event_text.data": [140, 32],
} as const;
const USB = { usbdev_file_operations: 0x100, mon_buses: 0x120, mon_bus0: 0x1000 };

/** A circle of list heads. */
function circle(point: (at: number, to: number) => void, ...heads: number[]): void {
  for (const [i, head] of heads.entries()) {
    const next = heads[(i + 1) % heads.length] as number;
    point(head, next);
    point(next + 8, head);
  }
}

test("USB: what programs asked devices for, and the first bytes of it that monitors have", () => {
  const guest = machine(USB, REQUESTS);
  const { kernel, view, point } = guest;
  const task = taskWithFiles(guest, [
    [0x600, 0x100, 0x2000],
    [0x610, 0x180, 0x3000],
  ]);
  circle(point, 0x2028, 0x4000);
  circle(point, 0x2038, 0x4100);
  for (const [request, urb, data, length] of [
    [0x4000, 0x5000, 0x8000, 1024],
    [0x4100, 0x5100, 0x9000, 64],
  ] as const) {
    point(request + 72, urb);
    point(urb + 96, data);
    view.setUint32(urb + 136, length, true);
  }
  // All buses: a reader of text, and one of pages.
  circle(point, 0x120);
  circle(point, 0x1050, 0x6020, 0x7000);
  point(0x6020 + 24, 0x6000);
  circle(point, 0x6010, 0x6400);
  point(0x6000 + 136, 0xa000);
  view.setUint32(0x6000 + 112, 0x200, true);
  point(0x7000 + 24, 0x7100);
  const found = usbTransfers(space, kernel, () => ({ tasks: [task], others: [] }));
  expect(found?.missing).toEqual([]);
  expect(piecesOf(found?.list as never)).toEqual([
    [0x6400 + 140, 0x6400 + 172],
    [0x8000, 0x8400],
    [0x9000, 0x9040],
    [0xa000, 0xa200],
  ]);
  // A monitor whose types are not known is said.
  const bare = machine(USB, Object.fromEntries(Object.entries(REQUESTS).filter(([name]) => !name.startsWith("mon_"))));
  expect(usbTransfers(space, bare.kernel, () => ({ tasks: [], others: [] }))?.missing).toEqual(["USB (monitors)"]);
});

test("serial lines of USB: pieces that came and went, and the queue of what is to go", () => {
  const types = {
    usb_serial_port: [0, 1496],
    "idr.idr_rt.xa_head": [8, 8],
    "usb_serial_port.bulk_in_buffers[0]": [0, 8],
    "usb_serial_port.bulk_in_buffers[1]": [8, 8],
    "usb_serial_port.bulk_in_size": [16, 4],
    "usb_serial_port.bulk_out_buffers[0]": [24, 8],
    "usb_serial_port.bulk_out_buffers[1]": [32, 8],
    "usb_serial_port.bulk_out_size": [40, 4],
    "usb_serial_port.interrupt_out_buffer": [48, 8],
    "usb_serial_port.interrupt_out_size": [56, 4],
    "usb_serial_port.interrupt_in_buffer": [64, 8],
    "usb_serial_port.interrupt_in_urb": [72, 8],
    "usb_serial_port.write_fifo": [80, 24],
    "urb.transfer_buffer_length": [8, 4],
    "__kfifo.mask": [8, 4],
    "__kfifo.data": [16, 8],
  } as const;
  const { kernel, view, point } = machine({ serial_minors: 0x100 }, types);
  point(0x108, 0x1000);
  for (const [at, to] of [
    [0x1000, 0x4000],
    [0x1008, 0x5000],
    [0x1018, 0x6000],
    [0x1030, 0x7000],
    [0x1040, 0x8000],
    [0x1048, 0x2000],
    [0x1060, 0x9000],
  ] as const)
    point(at, to);
  view.setUint32(0x1010, 512, true);
  view.setUint32(0x1028, 256, true);
  view.setUint32(0x1038, 16, true);
  view.setUint32(0x2008, 8, true);
  view.setUint32(0x1058, 4095, true);
  const pieces = (own: typeof kernel) => piecesOf(usbLines(space, own)?.list as never);
  expect(pieces(kernel)).toEqual([
    [0x4000, 0x4200],
    [0x5000, 0x5200],
    [0x6000, 0x6100],
    [0x7000, 0x7010],
    [0x8000, 0x8008],
    [0x9000, 0xa000],
  ]);
  // The queue has a page, which may have 64 KiB: a slab's, as all that has up to two pages.
  view.setUint32(0x1058, 0xffff, true);
  expect(pieces({ ...kernel, memory: { ...kernel.memory, pageSize: 0x10000 } }).at(-1)).toEqual([0x9000, 0x19000]);
  view.setUint32(0x1058, 0x3fff, true);
  expect(pieces(kernel).at(-1)).toEqual([0x8000, 0x8008]);
});

test("a TPM that a program plays: what it was asked, or answered", () => {
  const types = { ...OPEN_FILES, proxy_dev: [0, 4216], "proxy_dev.buffer": [88, 4096, 4096] } as const;
  const guest = machine({ vtpm_proxy_fops: 0x100 }, types);
  const task = taskWithFiles(guest, [
    [0x600, 0x100, 0x4000],
    [0x610, 0x180, 0x8000],
  ]);
  const found = playedChips(space, guest.kernel, () => ({ tasks: [task], others: [] }));
  expect(piecesOf(found?.list as never)).toEqual([[0x4058, 0x5058]]);
  const none = machine({ init_task: 0 }, types);
  expect(playedChips(space, none.kernel, () => ({ tasks: [task], others: [] }))?.objects).toBe(0);
});

test("text that is read aloud, where the driver is built in; a kernel without it has none", () => {
  const { kernel } = machine({ synth_buffer: 0x4000, buf: 0x9000 }, {});
  // Its other variable has a name that many have. Behind it comes another variable.
  const before = (next: number) => {
    const start = BASE + BigInt(0x4000);
    const nearest = (address: bigint) =>
      address < BASE + BigInt(next) ? { name: "synth_buffer", offset: address - start } : { name: "next", offset: 0n };
    const watched = watchedKernel({ ...kernel, symbols: { ...kernel.symbols, nearest } });
    return [piecesOf(spokenText(space, watched.kernel)?.list as never), watched.cut];
  };
  expect(before(0x9000)).toEqual([[[0x4000, 0x8000]], false]);
  // Characters of a byte (until 4.11).
  expect(before(0x6000)).toEqual([[[0x4000, 0x6000]], false]);
  // A vmlinux does not say what is next.
  expect(before(0)).toEqual([[[0x4000, 0x6000]], true]);
  expect(spokenText(space, machine({ init_task: 0 }, {}).kernel)?.objects).toBe(0);
  expect(spokenText(space, machine({}, {}).kernel)).toBeUndefined();
});

test("texts on their way into traces: a buffer for each CPU, if somebody has traces open", () => {
  const types = {
    trace_user_buf_info: [0, 24],
    "trace_user_buf_info.tbuf": [0, 8],
    "trace_user_buf_info.size": [8, 8],
    "trace_user_buf.buf": [0, 8],
  } as const;
  const symbols = { trace_user_buffer: 0x100, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x240 };
  const made = machine(symbols, types);
  const kernel = {
    ...made.kernel,
    symbols: {
      ...made.kernel.symbols,
      addresses: (name: string) => [made.kernel.symbols.address(name)].filter((one) => one !== undefined),
    },
  } as unknown as typeof made.kernel;
  made.word(0x240, 3n);
  expect(traceCopies(space, kernel)?.objects).toBe(0);
  made.point(0x100, 0x1000);
  // Per-CPU memory: the pointer is a distance.
  made.word(0x1000, 0x40n);
  made.word(0x1008, 2048n);
  made.word(0x200, BASE + 0x2000n);
  made.word(0x208, BASE + 0x3000n);
  made.point(0x2040, 0x6000);
  made.point(0x3040, 0x7000);
  expect(piecesOf(traceCopies(space, kernel)?.list as never)).toEqual([
    [0x6000, 0x6800],
    [0x7000, 0x7800],
  ]);
});
