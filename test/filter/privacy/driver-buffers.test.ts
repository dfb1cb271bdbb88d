/** Buffers of drivers in kmalloc memory: serial ports, compressed memory, random numbers; and the types of drivers that are modules. */
import { expect, test } from "vitest";
import { eraseDebuginfo } from "../../../src/filter/erase/erase-debuginfo.js";
import { driverBuffers, mayHaveVsockPackets } from "../../../src/filter/privacy/driver-buffers.js";
import { eventQueues, rawReports } from "../../../src/filter/privacy/input-queues.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { moduleNamed, moduleSymbol, moduleTypes } from "../../../src/kernel/objects/module-objects.js";
import { kernelVersion } from "../../../src/kernel/version.js";
import { openDump } from "../../../src/reader/open.js";
import { withView } from "../../../src/run/own-session.js";
import { openSession } from "../../../src/run/session.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { machine, NO_FILES, piecesOf, space } from "../../support/fake-machine.js";

const TYPES = {
  "ports_driver_data.portdevs": [0, 16],
  "ports_device.list": [0, 16],
  "ports_device.ports": [16, 16],
  "port.list": [0, 16],
  "port.inbuf": [16, 8],
  "port.in_vq": [24, 8],
  "port.out_vq": [32, 8],
  "port_buffer.buf": [0, 8],
  "port_buffer.size": [8, 8],
  "vring_virtqueue.vq": [16, 64],
  "vring_virtqueue.split.desc_state": [96, 8],
  "vring_virtqueue.split.vring.num": [104, 4],
  vring_desc_state_split: [0, 16],
  "vring_desc_state_split.data": [0, 8],
  mapping_area: [0, 32],
  "mapping_area.vm_buf": [8, 8],
  "hwrng.list": [0, 16],
  "hwrng.name": [16, 8],
  "hwrng.priv": [24, 8],
  "virtrng_info.data": [64, 64],
  "module.list": [8, 16],
  "module.name": [24, 56],
} as const;

test("serial ports: the buffer being read, and those in both queues; a page of each CPU of zsmalloc; random numbers", () => {
  const { kernel, view, word, point } = machine(
    {
      ...{ pdrvdata: 0x100, modules: 0x180, zs_map_area: 0x40n, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x300 },
      ...{ rng_list: 0x400, rng_buffer: 0x410 },
    },
    TYPES,
  );
  point(0x180, 0x180);
  const list = (head: number, entry: number) => {
    point(head, entry);
    point(entry, head);
  };
  const buffer = (at: number, text: number, size: number) => {
    point(at, text);
    word(at + 8, BigInt(size));
  };
  list(0x100, 0x1000);
  list(0x1010, 0x2000);
  point(0x2010, 0x2100);
  buffer(0x2100, 0x8000, 4096);
  // The queue is a member of its ring.
  point(0x2018, 0x3010);
  point(0x3000 + 96, 0x3800);
  view.setUint32(0x3000 + 104, 3, true);
  point(0x3800, 0x2100);
  point(0x3810, 0x2200);
  buffer(0x2200, 0x9000, 64);
  // A size that no buffer has.
  point(0x3820, 0x2300);
  buffer(0x2300, 0xa000, 1 << 30);
  word(0x300, 1n);
  point(0x200, 0x5000);
  point(0x5048, 0xb000);
  list(0x400, 0x6000);
  point(0x410, 0xc000);
  point(0x6010, 0x6100);
  Buffer.from(view.buffer).write("virtio_rng.0\0", 0x6100, "latin1");
  point(0x6018, 0x7000);
  const found = driverBuffers(space, kernel, () => NO_FILES);
  expect(found.missing).toEqual([]);
  expect(found.objects).toBe(5);
  expect(piecesOf(found.list)).toEqual([
    [0x7040, 0x7080],
    [0x8000, 0x9040],
    [0xb000, 0xc040],
  ]);
});

const PACKED = {
  ...TYPES,
  "vring_virtqueue.packed.desc_state": [112, 8],
  "vring_virtqueue.packed.vring.num": [104, 4],
  vring_desc_state_packed: [0, 24],
  "vring_desc_state_packed.data": [0, 8],
} as const;

for (const [name, member, values] of [
  ["a flag (until 6.18)", "packed_ring", { split: [0], packed: [1] }],
  ["a layout (7.0)", "layout", { split: [0, 2], packed: [1, 3] }],
] as const) {
  test(`serial ports: split and packed rings are in one place; ${name} says which is read`, () => {
    const pieces = (value: number) => {
      const { kernel, view, word, point } = machine(
        { pdrvdata: 0x100, modules: 0x180 },
        { ...PACKED, [`vring_virtqueue.${member}`]: [88, member === "layout" ? 4 : 1] },
      );
      point(0x180, 0x180);
      for (const [head, entry] of [
        [0x100, 0x1000],
        [0x1010, 0x2000],
      ] as const) {
        point(head, entry);
        point(entry, head);
      }
      point(0x2018, 0x3010);
      view.setUint8(0x3000 + 88, value);
      view.setUint32(0x3000 + 104, 1, true);
      // Each of the two would lead to something that looks like a buffer.
      for (const [at, table, buffer, text] of [
        [96, 0x3800, 0x2100, 0x8000],
        [112, 0x3900, 0x2200, 0x9000],
      ] as const) {
        point(0x3000 + at, table);
        point(table, buffer);
        point(buffer, text);
        word(buffer + 8, 64n);
      }
      const found = driverBuffers(space, kernel, () => NO_FILES);
      expect(found.missing).not.toContain("virtio-serial (some of them)");
      return piecesOf(found.list);
    };
    for (const value of values.split) expect(pieces(value)).toEqual([[0x8000, 0x8040]]);
    for (const value of values.packed) expect(pieces(value)).toEqual([[0x9000, 0x9040]]);
  });
}

const INPUT = {
  "input_handler.h_list": [8, 16],
  "input_handle.h_node": [16, 16],
  "input_handle.private": [0, 8],
  "evdev.client_list": [32, 16],
  "evdev_client.node": [0, 16],
  "evdev_client.bufsize": [16, 4],
  "evdev_client.buffer": [24, 0],
  evdev_client: [0, 24],
  input_event: [0, 24],
  hidraw_list: [0, 80],
  hidraw_report: [0, 16],
  "hidraw.list": [0, 16],
  "hidraw.hid": [16, 8],
  "hidraw_list.buffer": [0, 32],
  "hidraw_list.node": [48, 16],
  "hidraw_report.value": [0, 8],
  "hidraw_report.len": [8, 4],
  "hid_device.ll_driver": [8, 8],
  "hid_device.driver_data": [16, 8],
  "uhid_device.outq": [64, 16],
  uhid_event: [0, 4380],
} as const;

test("input devices: events that programs have not read, raw reports from devices and to those that programs play", () => {
  const { kernel, view, word, point } = machine(
    { evdev_handler: 0x100, hidraw_table: 0x200, uhid_hid_driver: 0x800 },
    INPUT,
  );
  const list = (head: number, entry: number) => {
    point(head, entry);
    point(entry, head);
  };
  list(0x108, 0x1010);
  point(0x1000, 0x2000);
  list(0x2020, 0x3000);
  view.setUint32(0x3010, 64, true);
  expect(piecesOf(eventQueues(space, kernel)?.list as never)).toEqual([[0x3018, 0x3018 + 64 * 24]]);
  point(0x210, 0x4000);
  list(0x4000, 0x5030);
  point(0x5000, 0x6000);
  view.setUint32(0x5008, 64, true);
  // A length that no report has.
  point(0x5010, 0x7000);
  view.setUint32(0x5018, 1 << 20, true);
  point(0x4010, 0x8000);
  point(0x8008, 0x800);
  point(0x8010, 0x9000);
  point(0x9048, 0xa000);
  expect(piecesOf(rawReports(space, kernel)?.list as never)).toEqual([
    [0x6000, 0x6040],
    [0xa000, 0xa000 + 4380],
  ]);
  // A device of another driver has something else there.
  word(0x8008, 1n);
  expect(piecesOf(rawReports(space, kernel)?.list as never)).toEqual([[0x6000, 0x6040]]);
  // Neither built in nor a module is known.
  expect([eventQueues(space, machine({}, INPUT).kernel), rawReports(space, machine({}, INPUT).kernel)]).toEqual([
    undefined,
    undefined,
  ]);
});

test("input devices: sizes that only a wrong dump has are not believed, and what is too much is named", () => {
  const { kernel, view, point } = machine({ hidraw_table: 0x200, uhid_hid_driver: 0x800, evdev_handler: 0x100 }, {
    ...INPUT,
    "hidraw_list.buffer": [0, 2 ** 40],
    "uhid_device.outq": [64, 2 ** 36],
  } as unknown as typeof INPUT);
  const list = (head: number, entry: number) => {
    point(head, entry);
    point(entry, head);
  };
  // The same device in every place of the table.
  for (let i = 0; i < 64; i++) point(0x200 + 8 * i, 0x4000);
  list(0x4000, 0x5030);
  point(0x4010, 0x8000);
  point(0x8008, 0x800);
  point(0x8010, 0x9000);
  for (let i = 0; i < 128; i++) {
    point(0x5000 + 16 * i, 0x6000 + 16 * i);
    view.setUint32(0x5008 + 16 * i, 8, true);
  }
  point(0x5030, 0x4000);
  // The 32nd is the last.
  point(0x9040 + 8 * 31, 0xa000);
  point(0x9040 + 8 * 32, 0xc000);
  const found = rawReports(space, kernel);
  expect(piecesOf(found?.list as never).at(-2)).toEqual([0x6000 + 16 * 63, 0x6000 + 16 * 63 + 8]);
  expect(piecesOf(found?.list as never).at(-1)).toEqual([0xa000, 0xa000 + 4380]);
  expect(found).toMatchObject({ objects: 65, missing: [] });
  expect(rawReports(space, kernel, new SearchSteps(60))?.missing).toEqual(["hidraw (too many)"]);
  list(0x108, 0x1010);
  point(0x1000, 0x2000);
  list(0x2020, 0x3000);
  view.setUint32(0x3010, 1 << 16, true);
  expect(eventQueues(space, kernel)?.missing).toEqual([]);
  expect(eventQueues(space, kernel, new SearchSteps(60))?.missing).toEqual([
    "keyboards and other input devices (too many)",
  ]);
});

test("uhid without types is named; so is a driver of the kernel's own that lacks them: it is not a module", () => {
  const { kernel, point } = machine({ modules: 0x180, hidraw_table: 0x200, uhid_hid_driver: 0x800 }, {
    ...INPUT,
    "uhid_device.outq": undefined,
    "module.list": [8, 16],
    "module.name": [24, 56],
  } as unknown as typeof INPUT);
  point(0x180, 0x180);
  expect(rawReports(space, kernel)?.missing).toEqual(["uhid"]);
  expect(driverBuffers(space, kernel, () => NO_FILES).missing).toContain("uhid");
  const untyped = machine({ modules: 0x180, evdev_handler: 0x100 }, {
    ...TYPES,
    ...INPUT,
    evdev_client: undefined,
  } as unknown as typeof INPUT);
  untyped.point(0x180, 0x180);
  expect(eventQueues(space, untyped.kernel)).toBeUndefined();
});

test("AF_VSOCK's packets are declared where the kernel may have any: not where it took the change of 6.2 over", () => {
  const old = kernelVersion(6, 1);
  const builtIn = (types: object) =>
    machine({ virtio_transport_recv_pkt: 0x100 }, { ...TYPES, ...types } as typeof TYPES).kernel;
  expect(mayHaveVsockPackets(builtIn({ virtio_vsock_pkt: [0, 96] }), old)).toBe(true);
  expect(mayHaveVsockPackets(builtIn({}), old)).toBe(false);
  expect(mayHaveVsockPackets(builtIn({ virtio_vsock_pkt: [0, 96] }), kernelVersion(6, 2))).toBe(false);
  const { kernel, point } = machine({ modules: 0x180 }, TYPES);
  point(0x180, 0x180);
  expect(mayHaveVsockPackets(kernel, old)).toBe(false);
  // Nobody knows which modules it has.
  expect(mayHaveVsockPackets(machine({}, TYPES).kernel, old)).toBe(true);
});

test("a driver that is a module without types is named; one that is not loaded is not", () => {
  const { kernel, view, point } = machine({ modules: 0x180 }, { ...TYPES, "hwrng.priv": [0, 0] });
  point(0x180, 0x180);
  expect(driverBuffers(space, kernel, () => NO_FILES).missing).toEqual([]);
  point(0x180, 0x1008);
  point(0x1008, 0x180);
  Buffer.from(view.buffer).write("virtio_console\0", 0x1018, "latin1");
  expect(driverBuffers(space, kernel, () => NO_FILES).missing).toEqual(["virtio-serial"]);
  expect(driverBuffers(space, machine({}, TYPES).kernel, () => NO_FILES).missing).toHaveLength(26);
});

describeWithDumps("modules of a real kernel", () => {
  test("Debian 6.1: types and symbols of a module, beside the kernel's own", async () => {
    const { vmcore } = await realDump("x86-6.1-kdump-tiny");
    const input = openDump(vmcore);
    try {
      const { dump, view } = withView(openSession(input));
      const { kernel } = eraseDebuginfo(dump, view, undefined);
      if (kernel === undefined) throw new Error("no types");
      const module = moduleNamed(kernel, "virtio_ring") ?? 0n;
      expect(kernel.types.sizeOf("vring_virtqueue")).toBeUndefined();
      const types = moduleTypes(kernel, module);
      expect(types?.member("vring_virtqueue", "split.vring.num")?.size).toBe(4);
      expect(types?.sizeOf("task_struct")).toBe(kernel.types.sizeOf("task_struct"));
      const put = moduleSymbol(kernel, module, "virtqueue_kick") ?? 0n;
      expect(kernel.memory.readView(put, 4)).toBeDefined();
      expect(moduleSymbol(kernel, module, "no such thing")).toBeUndefined();
      expect(moduleNamed(kernel, "no such thing")).toBeUndefined();
    } finally {
      input.close();
    }
  });
});
