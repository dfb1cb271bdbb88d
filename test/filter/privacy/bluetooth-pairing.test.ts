/** What pairing of Bluetooth devices in progress has in memory, and data for it that came another way. */
import { expect, test } from "vitest";
import { bluetoothKeys } from "../../../src/filter/privacy/bluetooth-keys.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { machine, piecesOf, space } from "../../support/fake-machine.js";
import { BLUETOOTH } from "../../support/object-types.js";

const TYPES = {
  ...BLUETOOTH,
  "hci_dev.remote_oob_data": [64, 16],
  "hci_dev.conn_hash.list": [80, 16],
  "hci_dev.smp_data": [96, 8],
  "hci_dev.smp_bredr_data": [104, 8],
  "oob_data.list": [0, 16],
  "oob_data.hash256": [32, 16],
  "oob_data.rand256": [48, 16],
  "hci_conn.list": [0, 16],
  "hci_conn.l2cap_data": [16, 8],
  "l2cap_conn.smp": [8, 8],
  "l2cap_chan.data": [24, 8],
  "smp_dev.local_pk": [0, 64],
  "smp_chan.tk": [16, 16],
  "smp_chan.dhkey": [64, 32],
  "smp_chan.link_key": [8, 8],
  "smp_chan.csrk": [48, 8],
  "smp_csrk.val": [16, 16],
} as const;

/** A controller with a connection that is being paired; `rest`: where the list of what came another way leads. */
function pairing(rest: number, types: Parameters<typeof machine>[1] = TYPES) {
  const { kernel, point } = machine({ hci_dev_list: 0x100 }, types);
  point(0x100, 0x1000);
  point(0x1000, 0x100);
  for (const empty of [0x1010, 0x1020, 0x1030]) point(empty, empty);
  point(0x1040, 0x2000);
  point(0x2000, rest);
  point(0x1050, 0x3000);
  point(0x3000, 0x1050);
  point(0x3010, 0x3100);
  point(0x3108, 0x3200);
  point(0x3218, 0x4000);
  point(0x4008, 0x5000);
  point(0x4030, 0x5100);
  point(0x1060, 0x3300);
  point(0x3318, 0x6000);
  const watched = watchedKernel(kernel);
  const found = bluetoothKeys(space, watched.kernel);
  return { pieces: found && piecesOf(found.list), cut: watched.cut };
}

test("what keys are made of, and these themselves", () => {
  expect(pairing(0x1040)).toEqual({
    pieces: [
      [0x2020, 0x2040],
      [0x4010, 0x4020],
      [0x4040, 0x4060],
      [0x5000, 0x5010],
      [0x5110, 0x5120],
      [0x6000, 0x6040],
    ],
    cut: false,
  });
});

test("a list that is cut off, and a type without any of these members, are noticed", () => {
  expect(pairing(0x90_0000).cut).toBe(true);
  const { "smp_chan.tk": _, "smp_chan.dhkey": __, ...types } = TYPES;
  expect(pairing(0x1040, types).cut).toBe(true);
});
