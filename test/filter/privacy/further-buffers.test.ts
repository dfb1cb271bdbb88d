/** Contents of files in squashfs, frames on serial lines, last events of input devices, keys of Bluetooth. */
import { expect, test } from "vitest";
import { bluetoothKeys } from "../../../src/filter/privacy/bluetooth-keys.js";
import { lastEvents } from "../../../src/filter/privacy/input-devices.js";
import { lineBuffers } from "../../../src/filter/privacy/line-disciplines.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { squashfsCaches } from "../../../src/filter/privacy/squashfs-caches.js";
import { wirelessKeys } from "../../../src/filter/privacy/wireless-keys.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { BASE, type FakeMachine, machine, NO_FILES, piecesOf, space } from "../../support/fake-machine.js";
import { BLUETOOTH, INPUT, WIRELESS } from "../../support/object-types.js";

const at = (address: number) => BASE + BigInt(address);

function list({ point }: FakeMachine, head: number, ...entries: number[]): void {
  [head, ...entries].forEach((one, i) => {
    point(one, entries[i] ?? head);
  });
}

const SQUASHFS = {
  squashfs_sb_info: [0, 64],
  squashfs_cache_entry: [0, 32],
  "file_system_type.fs_supers.first": [0, 8],
  "super_block.s_instances": [0, 16],
  "super_block.s_fs_info": [16, 8],
  "super_block.s_type": [24, 8],
  "squashfs_sb_info.fragment_cache": [0, 8],
  "squashfs_sb_info.read_page": [8, 8],
  "squashfs_sb_info.block_cache": [16, 8],
  "squashfs_cache.entry": [0, 8],
  "squashfs_cache.entries": [8, 4],
  "squashfs_cache.pages": [12, 4],
  "squashfs_cache_entry.data": [8, 8],
} as const;

/** Two file systems are mounted. */
function squashfs(types: Readonly<Record<string, readonly [number, number]>> = SQUASHFS): FakeMachine {
  const guest = machine({ squashfs_fs_type: 0x100 }, types);
  guest.point(0x100, 0x1000);
  guest.point(0x1000, 0x1100);
  for (const [block, own, data] of [
    [0x1000, 0x2000, 0x8000],
    [0x1100, 0x2100, 0xc000],
  ] as const) {
    guest.point(block + 16, own);
    guest.point(block + 24, 0x100);
    guest.point(own, own + 0x20);
    guest.point(own + 0x20, own + 0x40);
    guest.view.setUint32(own + 0x28, 2, true);
    guest.view.setUint32(own + 0x2c, 1, true);
    for (const i of [0, 1]) {
      guest.point(own + 0x48 + 32 * i, own + 0x80 + 8 * i);
      guest.point(own + 0x80 + 8 * i, data + 0x2000 * i);
    }
  }
  return guest;
}

test("squashfs: pages of its caches, of all that are mounted", () => {
  const guest = squashfs();
  const found = squashfsCaches(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([0x8000, 0xa000, 0xc000, 0xe000].map((from) => [from, from + 4096]));
  expect(squashfsCaches(space, guest.kernel, new SearchSteps(4))).toBeUndefined();
});

test("squashfs: one that is being mounted hides none behind it; where the list leads elsewhere, that is said", () => {
  const guest = squashfs();
  guest.word(0x1010, 0n);
  const found = squashfsCaches(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([0xc000, 0xe000].map((from) => [from, from + 4096]));
  guest.point(0x1118, 0x108);
  expect(squashfsCaches(space, guest.kernel)).toBeUndefined();
  const circle = squashfs();
  circle.point(0x1100, 0x1000);
  expect(squashfsCaches(space, circle.kernel)).toBeUndefined();
  const cut = squashfs();
  cut.word(0x1100, BASE + 0x2_0000n);
  expect(squashfsCaches(space, cut.kernel)).toBeUndefined();
});

const TTYS = {
  "tty_driver.tty_drivers": [0, 16],
  "tty_driver.num": [16, 4],
  "tty_driver.ttys": [24, 8],
  "tty_struct.port": [0, 8],
  "tty_struct.ldisc": [8, 8],
  "tty_struct.disc_data": [16, 8],
  "tty_struct.link": [24, 8],
  "tty_port.buf.head": [0, 8],
  "tty_buffer.next": [0, 8],
  "tty_ldisc.ops": [0, 8],
  n_hdlc: [0, 64],
  "n_hdlc.rx_buf_list.list": [0, 16],
  "n_hdlc.tx_free_buf_list.list": [16, 16],
  "n_hdlc_buf.list_item": [0, 16],
  "n_hdlc_buf.buf": [24, 0],
  asyncppp: [0, 512],
  "asyncppp.obuf": [64, 256],
} as const;

test("serial lines: frames of HDLC, read or not, and what PPP sends", () => {
  const symbols = { tty_fops: 0x40, tty_drivers: 0x100, n_hdlc_ldisc: 0x50, ppp_ldisc: 0x60, maxframe: 0x70 };
  const guest = machine({ init_task: 0x40, ...symbols }, TTYS);
  const kernel = {
    ...guest.kernel,
    symbols: { ...guest.kernel.symbols, addresses: () => [] },
  } as unknown as KernelObjects;
  guest.view.setUint32(0x70, 1000, true);
  list(guest, 0x100, 0x200);
  guest.view.setUint32(0x210, 3, true);
  guest.point(0x218, 0x300);
  for (const [i, operations, own] of [
    [0, 0x50, 0x4000],
    [1, 0x60, 0x5000],
    [2, 0x68, 0x6000],
  ] as const) {
    guest.point(0x300 + 8 * i, 0x1000 + 0x100 * i);
    guest.point(0x1008 + 0x100 * i, 0x2000 + 16 * i);
    guest.point(0x1010 + 0x100 * i, own);
    guest.point(0x2000 + 16 * i, operations);
  }
  list(guest, 0x4000, 0x8000);
  list(guest, 0x4010, 0x9000, 0xa000);
  const found = lineBuffers(space, kernel, () => ({ tasks: [at(0x3000)], others: [] }));
  expect(found.missing).toEqual([]);
  expect(piecesOf(found.list)).toEqual([
    [0x5040, 0x5140],
    ...[0x8018, 0x9018, 0xa018].map((from) => [from, from + 1000]),
  ]);
  expect(lineBuffers(space, kernel, () => ({ tasks: [at(0x3000)], others: [] }), new SearchSteps(2)).missing).toEqual([
    "serial lines (too many)",
  ]);
  expect(lineBuffers(space, machine({ init_task: 0x40 }, {}).kernel, () => NO_FILES).missing).toEqual([]);
});

test("input devices: the events of the last packet, and the ring of a virtual machine's keyboard", () => {
  const guest = machine(
    { input_dev_list: 0x100, virtinput_status: 0x40 },
    {
      ...INPUT,
      "input_dev.event": [32, 8],
      "input_dev.dev.driver_data": [40, 8],
      "virtio_input.evts": [32, 512],
    },
  );
  list(guest, 0x100, 0x1000, 0x1100);
  for (const device of [0x1000, 0x1100]) {
    guest.point(device + 16, device + 0x7000);
    guest.view.setUint32(device + 24, 9, true);
    guest.point(device + 32, device === 0x1000 ? 0x40 : 0x48);
    guest.point(device + 40, device + 0xa000);
  }
  const found = lastEvents(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([
    [0x8000, 0x8048],
    [0x8100, 0x8148],
    [0xb020, 0xb220],
  ]);
});

test("Bluetooth: keys of paired devices, and the controller's own", () => {
  const guest = machine(
    { hci_dev_list: 0x100 },
    {
      ...BLUETOOTH,
      "hci_dev.irk": [64, 16],
    },
  );
  list(guest, 0x100, 0x1000);
  list(guest, 0x1010, 0x2000);
  list(guest, 0x1020, 0x3000);
  list(guest, 0x1030, 0x4000);
  const found = bluetoothKeys(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([0x1040, 0x2018, 0x3028, 0x4030].map((from) => [from, from + 16]));
  expect(bluetoothKeys(space, guest.kernel, new SearchSteps(3))).toBeUndefined();
});

test("Wi-Fi: keys of all links; of what is no link of Wi-Fi nothing", () => {
  const types = {
    ...WIRELESS,
    "ieee80211_key.u.aes_cmac.key": [32, 240],
    "ieee80211_key.conf.cipher": [300, 4],
  } as const;
  const guest = machine({ init_net: 0x100, ieee80211_dataif_ops: 0x200 }, types);
  list(guest, 0x100, 0x1000, 0x2000);
  guest.point(0x1010, 0x200);
  guest.point(0x2010, 0x210);
  list(guest, 0x1000 + 128 + 16, 0x3000, 0x4000);
  list(guest, 0x2000 + 128 + 16, 0x5000);
  for (const [key, cipher] of [
    [0x3000, 0x000fac04],
    [0x4000, 0x000fac06],
    [0x5000, 0x000fac04],
  ] as const) {
    guest.view.setUint32(key + 300, cipher, true);
    guest.view.setUint8(key + 304, 16);
  }
  const found = wirelessKeys(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([
    [0x3131, 0x3141],
    [0x4020, 0x4110],
    [0x4131, 0x4141],
  ]);
  expect(wirelessKeys(space, guest.kernel, new SearchSteps(2))).toBeUndefined();
});
