/** Buffers in kmalloc memory of CAN's broadcast manager, SLIP and sound: found by the lists of their modules. */
import { expect, test } from "vitest";
import { repeatedFrames } from "../../../src/filter/privacy/can-frames.js";
import { driverBuffers } from "../../../src/filter/privacy/driver-buffers.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { serialLines } from "../../../src/filter/privacy/serial-lines.js";
import { midiBuffers, sequencerEvents, soundControls } from "../../../src/filter/privacy/sound-buffers.js";
import { type FakeMachine, machine, NO_FILES, piecesOf, space } from "../../support/fake-machine.js";

function list({ point }: FakeMachine, head: number, ...entries: number[]): void {
  [head, ...entries].forEach((at, i) => {
    point(at, entries[i] ?? head);
  });
}

const found = (one: ReturnType<typeof midiBuffers>) => one && piecesOf(one.list);

test("CAN: cyclic frames, in their task or elsewhere, and those for comparison", () => {
  const types = {
    bcm_op: [0, 256],
    "bcm_op.list": [0, 16],
    "bcm_op.nframes": [16, 4],
    "bcm_op.cfsiz": [20, 4],
    "bcm_op.frames": [24, 8],
    "bcm_op.last_frames": [32, 8],
    "bcm_op.sframe": [48, 72],
    "bcm_op.last_sframe": [120, 72],
    "bcm_sock.notifier": [0, 16],
    "bcm_sock.rx_ops": [16, 16],
    "bcm_sock.tx_ops": [32, 16],
  } as const;
  const guest = machine({ bcm_notifier_list: 0x100 }, types);
  list(guest, 0x100, 0x1000);
  list(guest, 0x1010, 0x2000);
  list(guest, 0x1020, 0x3000);
  // One frame in the task itself, which both pointers lead to.
  guest.view.setUint32(0x2010, 1, true);
  guest.view.setUint32(0x2014, 72, true);
  guest.point(0x2018, 0x2030);
  guest.point(0x2020, 0x2078);
  // Four elsewhere.
  guest.view.setUint32(0x3010, 4, true);
  guest.view.setUint32(0x3014, 72, true);
  guest.point(0x3018, 0x8000);
  expect(found(repeatedFrames(space, guest.kernel))).toEqual([
    [0x2030, 0x20c0],
    [0x3030, 0x30c0],
    [0x8000, 0x8000 + 4 * 72],
  ]);
  expect(repeatedFrames(space, guest.kernel, new SearchSteps(1))).toBeUndefined();
});

test("SLIP: packets that come in and go out, of its devices alone", () => {
  const types = {
    slip: [0, 256],
    net_device: [0, 100],
    "net.dev_base_head": [0, 16],
    "net_device.dev_list": [0, 16],
    "net_device.netdev_ops": [16, 8],
    "slip.rbuff": [0, 8],
    "slip.xbuff": [8, 8],
    "slip.buffsize": [16, 4],
  } as const;
  const guest = machine({ init_net: 0x100, sl_netdev_ops: 0x200 }, types);
  list(guest, 0x100, 0x1000, 0x2000);
  guest.point(0x1010, 0x200);
  guest.point(0x2010, 0x210);
  for (const device of [0x1000, 0x2000]) {
    guest.point(device + 128, device + 0x7000);
    guest.point(device + 136, device + 0x9000);
    guest.view.setUint32(device + 144, 1152, true);
  }
  expect(found(serialLines(space, guest.kernel))).toEqual([
    [0x8000, 0x8484],
    [0xa000, 0xa484],
  ]);
});

test("MIDI: what was written and not played, what was played and not read", () => {
  const types = {
    snd_rawmidi_runtime: [0, 64],
    "snd_rawmidi.list": [0, 16],
    "snd_rawmidi.streams[0].substreams": [16, 16],
    "snd_rawmidi.streams[1].substreams": [32, 16],
    "snd_rawmidi_substream.list": [0, 16],
    "snd_rawmidi_substream.runtime": [16, 8],
    "snd_rawmidi_runtime.buffer": [0, 8],
    "snd_rawmidi_runtime.buffer_size": [8, 8],
  } as const;
  const guest = machine({ snd_rawmidi_devices: 0x100 }, types);
  list(guest, 0x100, 0x1000);
  list(guest, 0x1010, 0x2000, 0x2100);
  list(guest, 0x1020);
  guest.point(0x2010, 0x3000);
  guest.point(0x3000, 0x8000);
  guest.word(0x3008, 4096n);
  expect(found(midiBuffers(space, guest.kernel))).toEqual([[0x8000, 0x9000]]);
  expect(midiBuffers(space, guest.kernel, new SearchSteps(1))).toBeUndefined();
});

test("the sequencer of sound: events in the pools of clients, and of programs' queues", () => {
  const types = {
    snd_seq_client: [0, 64],
    snd_seq_event_cell: [0, 56],
    "snd_seq_client.number": [0, 4],
    "snd_seq_client.type": [4, 4],
    "snd_seq_client.pool": [8, 8],
    "snd_seq_client.data.user.fifo": [16, 8],
    "snd_seq_pool.ptr": [0, 8],
    "snd_seq_pool.total_elements": [8, 4],
    "snd_seq_fifo.pool": [0, 8],
  } as const;
  const guest = machine({ clienttab: 0x100 }, types);
  const client = (number: number, at: number, type: number) => {
    guest.point(0x100 + 8 * number, at);
    guest.view.setUint32(at, number, true);
    guest.view.setUint32(at + 4, type, true);
  };
  const pool = (at: number, cells: number, count: number) => {
    guest.point(at, cells);
    guest.view.setUint32(at + 8, count, true);
  };
  client(0, 0x1000, 2);
  guest.point(0x1010, 0x4000);
  client(128, 0x2000, 1);
  guest.point(0x2008, 0x3000);
  guest.point(0x2010, 0x3100);
  guest.point(0x3100, 0x3200);
  pool(0x3000, 0x8000, 10);
  pool(0x3200, 0x9000, 20);
  // Of the kernel's client that is no queue.
  guest.point(0x4000, 0x4100);
  pool(0x4100, 0xa000, 5);
  // A client under another's number.
  guest.point(0x100 + 8 * 5, 0x2000);
  expect(found(sequencerEvents(space, guest.kernel))).toEqual([
    [0x8000, 0x8230],
    [0x9000, 0x9460],
  ]);
});

test("controls of sound cards: values of those that programs made, no driver's", () => {
  const types = {
    user_element: [0, 400],
    "snd_card.number": [0, 4],
    "snd_card.controls": [16, 16],
    "snd_kcontrol.list": [0, 16],
    "snd_kcontrol.count": [16, 4],
    "snd_kcontrol.private_data": [24, 8],
    "snd_kcontrol.private_free": [32, 8],
    "user_element.info.value.enumerated.names_length": [80, 4],
    "user_element.elem_data": [272, 8],
    "user_element.elem_data_size": [280, 8],
    "user_element.tlv_data": [288, 8],
    "user_element.tlv_data_size": [296, 8],
    "user_element.priv_data": [304, 8],
  } as const;
  const symbols = { snd_cards: 0x100, snd_ctl_elem_user_free: 0x80 };
  const guest = machine(symbols, types);
  guest.point(0x108, 0x1000);
  guest.view.setUint32(0x1000, 1, true);
  list(guest, 0x1010, 0x2000, 0x3000);
  for (const [control, free, element] of [
    [0x2000, 0x80, 0x8000],
    [0x3000, 0x90, 0xa000],
  ] as const) {
    guest.view.setUint32(control + 16, 3, true);
    guest.point(control + 24, element);
    guest.point(control + 32, free);
    guest.view.setUint32(element + 80, 32, true);
    guest.point(element + 272, element + 400);
    guest.word(element + 280, 64n);
    guest.point(element + 288, element + 0x400);
    guest.word(element + 296, 16n);
    guest.point(element + 304, element + 0x800);
  }
  expect(found(soundControls(space, guest.kernel))).toEqual([
    [0x8190, 0x8190 + 192],
    [0x8400, 0x8410],
    [0x8800, 0x8820],
  ]);
  expect(soundControls(space, guest.kernel, new SearchSteps(1))).toBeUndefined();
});

test("modules whose types are not known are named", () => {
  const variables = {
    ...{
      bcm_notifier_list: 0x100,
      sl_netdev_ops: 0x110,
      snd_rawmidi_devices: 0x120,
      clienttab: 0x130,
      snd_cards: 0x140,
    },
  };
  const missing = driverBuffers(space, machine({ ...variables, modules: 0x180 }, {}).kernel, () => NO_FILES).missing;
  const names = ["CAN (cyclic frames)", "SLIP", "MIDI", "the sequencer of sound", "controls of sound cards"];
  expect(missing.filter((name) => names.includes(name))).toEqual(names);
});
