/** Texts of firmware, registers on stacks of exceptions, buffers of printers, management controllers; values of input devices. */
import { expect, test } from "vitest";
import { bufferCaches } from "../../../src/filter/privacy/buffer-caches.js";
import { entryStacks } from "../../../src/filter/privacy/entry-stacks.js";
import { firmwareTexts, machineNumbers } from "../../../src/filter/privacy/firmware-texts.js";
import { rawReports } from "../../../src/filter/privacy/input-queues.js";
import { managementAnswers, managementBuffers } from "../../../src/filter/privacy/management-controllers.js";
import { printers } from "../../../src/filter/privacy/printers.js";
import { registerFrame } from "../../../src/filter/privacy/register-frame.js";
import { unknownParameters } from "../../../src/filter/privacy/unknown-parameters.js";
import { kernelVersion } from "../../../src/kernel/version.js";
import type { Machine } from "../../../src/reader/machine.js";
import { BASE, machine, OPEN_FILES, piecesOf, space, taskWithFiles } from "../../support/fake-machine.js";

const pieces = (found: { list: unknown } | undefined) => found && piecesOf(found.list as never);

test("firmware: OEM strings always; with the host's names numbers and tags of parts", () => {
  const types = {
    "dmi_device.list": [0, 16],
    "dmi_device.type": [16, 4],
    "dmi_device.name": [24, 8],
    "#DMI_PRODUCT_SERIAL": [2, 0],
    "#DMI_CHASSIS_ASSET_TAG": [3, 0],
  } as const;
  const { kernel, view, point } = machine({ dmi_devices: 0x100, dmi_ident: 0x200 }, types);
  expect(pieces(firmwareTexts(space, kernel))).toEqual([]);
  for (const [from, to] of [
    [0x100, 0x1000],
    [0x1000, 0x2000],
    [0x2000, 0x100],
  ] as const)
    point(from, to);
  view.setInt32(0x1010, -2, true);
  view.setInt32(0x2010, 3, true);
  point(0x1018, 0x3000);
  point(0x2018, 0x4000);
  point(0x210, 0x5000);
  point(0x218, 0x6000);
  for (const [at, text] of [
    [0x3000, "password"],
    [0x4000, "eth0"],
    [0x5000, "serial"],
    [0x6000, "    "],
  ] as const)
    Buffer.from(view.buffer).write(text, at, "latin1");
  expect(pieces(firmwareTexts(space, kernel))).toEqual([[0x3000, 0x3008]]);
  expect(pieces(machineNumbers(space, kernel))).toEqual([[0x5000, 0x5006]]);
  // A kernel that lists functions only does not say; one without SMBIOS has none.
  expect(firmwareTexts(space, machine({}, types).kernel)).toBeUndefined();
  expect(pieces(firmwareTexts(space, machine({ init_task: 0 }, types).kernel))).toEqual([]);
});

test("command lines: what the kernel said of parameters that it does not know, in memory that it gave back", () => {
  const { kernel, view, point } = machine({ argv_init: 0x100, envp_init: 0x200 }, {});
  const put = (at: number, text: string) => Buffer.from(view.buffer).write(text, at, "latin1");
  const physical = {
    read(into: Uint8Array, paddr: number) {
      const bytes = new Uint8Array(view.buffer, paddr).subarray(0, into.length);
      into.set(bytes);
      return bytes.length;
    },
    next: (paddr: number) => (paddr < view.byteLength ? paddr : Number.POSITIVE_INFINITY),
  };
  const strings = ["init", "quiet2", "HOME=/", "TERM=linux", "secret=letmein"];
  for (const [i, text] of strings.entries()) put(0x1000 + 64 * i, text);
  point(0x100, 0x1000);
  point(0x108, 0x1040);
  point(0x200, 0x1080);
  point(0x208, 0x10c0);
  point(0x210, 0x1100);
  put(0x9123, " quiet2 secret=letmein and more");
  put(0xa000, " quiet2 secret=another");
  expect(unknownParameters(kernel, physical, 0x1f000)).toEqual([{ start: 0x9123, length: 22 }]);
  // Nothing that could be told from other text; no symbols.
  view.setBigUint64(0x210, 0n, true);
  expect(unknownParameters(kernel, physical, 0x1f000)).toEqual([]);
  expect(unknownParameters(machine({}, {}).kernel, physical, 0x1f000)).toEqual([]);
});

test("stacks of exceptions: a program's registers go, the kernel's stay", () => {
  const x86 = { arch: "x86_64", wordSize: 8, littleEndian: true } as Machine;
  const frame = registerFrame(x86, kernelVersion(6, 12), undefined);
  const types = {
    "exception_stacks.DF_stack": [0, 0x1000, 0x1000],
    "exception_stacks.DB_stack": [0x1000, 0x1000, 0x1000],
  } as const;
  const symbols = { exception_stacks: 0x4000n, __per_cpu_offset: 0x100, __cpu_possible_mask: 0x200 };
  const { kernel, word } = machine(symbols, types);
  word(0x100, BASE);
  word(0x200, 1n);
  for (const [top, cs, ss] of [
    [0x5000, 0x10n, 0x18n],
    [0x6000, 0x33n, 0x2bn],
  ] as const) {
    for (let i = 0; i < 17; i++) word(top - 168 + 8 * i, 0x6b6d_7e61_0000_0000n + BigInt(i));
    word(top - 168 + 136, cs);
    word(top - 168 + 160, ss);
  }
  const at = 0x6000 - 168;
  expect(pieces(entryStacks(space, kernel, frame))).toEqual([
    [at, at + 136],
    [at + 144, at + 160],
  ]);
  expect(pieces(entryStacks(space, kernel, undefined))).toEqual([]);
});

test("printers: the buffer of each", () => {
  const types = { lp_struct: [0, 100], "lp_struct.lp_buffer": [40, 8] } as const;
  const { kernel, point } = machine({ lp_table: 0x1000 }, types);
  point(0x1028, 0x4000);
  expect(pieces(printers(space, kernel))).toEqual([[0x4000, 0x5000]]);
  expect(printers(space, machine({}, types).kernel)).toBeUndefined();
  expect(printers(space, machine({ init_task: 0 }, types).kernel)?.objects).toBe(0);
});

test("management controllers: what interfaces have, whole; answers that nobody fetched", () => {
  const types = {
    ...OPEN_FILES,
    smi_info: [0, 400],
    "smi_info.link": [0, 16],
    "smi_info.si_sm": [24, 8],
    "smi_info.curr_msg": [32, 8],
    "smi_info.waiting_msg": [40, 8],
    ipmi_file_private: [0, 100],
    "ipmi_file_private.recv_msgs": [16, 16],
    "ipmi_recv_msg.link": [0, 16],
    "ipmi_recv_msg.msg_data": [64, 272, 272],
  } as const;
  const guest = machine({ smi_infos: 0x100, ipmi_fops: 0x180 }, types);
  const { kernel, point } = guest;
  point(0x100, 0x1000);
  point(0x1000, 0x100);
  point(0x1018, 0x2000);
  point(0x1028, 0x3000);
  expect(managementBuffers(kernel)).toEqual([BASE + 0x2000n, BASE + 0x3000n]);
  const task = taskWithFiles(guest, [[0x600, 0x180, 0x4000]]);
  point(0x4010, 0x5000);
  point(0x5000, 0x4010);
  const found = managementAnswers(space, kernel, () => ({ tasks: [task], others: [] }));
  expect(pieces(found)).toEqual([[0x5040, 0x5150]]);
  const none = machine({ init_task: 0 }, types).kernel;
  expect(managementBuffers(none)).toEqual([]);
  expect(managementBuffers(machine({}, types).kernel)).toBeUndefined();
});

test("input devices: the last value of each field in their reports", () => {
  const types = {
    hidraw_list: [0, 100],
    hidraw_report: [0, 16],
    "hidraw_list.node": [0, 16],
    "hidraw_list.buffer": [16, 16],
    "hidraw_report.value": [0, 8],
    "hidraw_report.len": [8, 4],
    "hidraw.list": [0, 16],
    "hidraw.hid": [24, 8],
    "hid_device.report_enum[0].report_list": [40, 16],
    "hid_device.report_enum[1].report_list": [56, 16],
    "hid_device.report_enum[2].report_list": [72, 16],
    "hid_report.list": [0, 16],
    "hid_report.maxfield": [20, 4],
    "hid_report.field[0]": [24, 8],
    "hid_field.report_count": [0, 4],
    "hid_field.value": [8, 8],
    "hid_field.new_value": [16, 8],
  } as const;
  const { kernel, view, point } = machine({ hidraw_table: 0x100, init_task: 0 }, types);
  point(0x100, 0x1000);
  point(0x1000, 0x1000);
  point(0x1018, 0x2000);
  for (const head of [0x2028, 0x2038, 0x2048]) point(head, head);
  point(0x2028, 0x3000);
  point(0x3000, 0x2028);
  view.setUint32(0x3014, 1, true);
  point(0x3018, 0x4000);
  view.setUint32(0x4000, 64, true);
  point(0x4008, 0x5000);
  point(0x4010, 0x6000);
  expect(pieces(rawReports(space, kernel))).toEqual([
    [0x5000, 0x5100],
    [0x6000, 0x6100],
  ]);
  // More bytes than any report has.
  view.setUint32(0x4000, 5000, true);
  expect(pieces(rawReports(space, kernel))).toEqual([[0x5000, 0x6000 + 4 * 5000]]);
});

test("caches of ZFS's buffers and of eCryptfs's headers have nothing but users' data", () => {
  const { kernel } = machine({ init_task: 0 }, { "kmem_cache.refcount": [0, 4] });
  const caches = bufferCaches(kernel, []);
  const kindOf = (name: string) => caches.kindOf({ name, address: BASE + 0x100n });
  expect(["zio_data_buf_512", "zio_buf_comb_16384", "ecryptfs_headers"].map(kindOf)).toEqual(
    Array(3).fill("driver-buffers"),
  );
  expect(["zio_cache", "zio_link_cache", "ecryptfs_inode_cache"].map(kindOf)).toEqual(Array(3).fill(undefined));
});
