/** What lists and trees of the kernel lead to in objects that are in use: keys, signals, and room that nobody wrote to. */
import { expect, test } from "vitest";
import { SpanList } from "../../../src/filter/erase/spans.js";
import { fileTableRooms } from "../../../src/filter/privacy/file-tables.js";
import { keyPayloads } from "../../../src/filter/privacy/key-payloads.js";
import { queuedSignals } from "../../../src/filter/privacy/queued-signals.js";
import { objectsInSlab } from "../../../src/filter/privacy/socket-buffers.js";
import { entryNames } from "../../../src/filter/privacy/unwritten-names.js";
import { withoutPieces } from "../../../src/filter/privacy/waiting-timers.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const at = (address: number) => BASE + BigInt(address);

const KEYS = {
  "key.serial_node": [8, 24],
  "key.type": [32, 8],
  "key.payload.data[0]": [40, 8],
  "key.payload.data[1]": [48, 8],
  "key_type.name": [0, 8],
  "request_key_auth.callout_info": [24, 8],
  "rb_node.rb_left": [16, 8],
  "rb_node.rb_right": [8, 8],
} as const;

test("keys: payloads of all keyrings' keys, but not lists of keys and certificates", () => {
  const { kernel, view, point, word } = machine({ key_serial_tree: 0x100 }, KEYS);
  const text = (address: number, value: string) => Buffer.from(view.buffer).write(`${value}\0`, address, "latin1");
  const key = (address: number, type: number, payload: number) => {
    point(address + 32, type);
    point(address + 40, payload);
  };
  text(0x500, "user");
  text(0x510, "keyring");
  text(0x520, "logon");
  for (const [type, name] of [
    [0x600, 0x500],
    [0x610, 0x510],
    [0x620, 0x520],
  ] as const) {
    point(type, name);
  }
  point(0x100, 0x1008);
  key(0x1000, 0x610, 0x4000);
  point(0x1008 + 16, 0x2008);
  point(0x1008 + 8, 0x3008);
  key(0x2000, 0x600, 0x5000);
  key(0x3000, 0x620, 0x6000);
  // Not an address, as a server's key of AFS, which lies in the key; and a circle.
  word(0x3030, 42n);
  point(0x3008 + 8, 0x1008);
  expect([...(keyPayloads(kernel)?.addresses ?? [])].sort()).toEqual([at(0x5000), at(0x6000)]);
  expect(keyPayloads(kernel)?.words).toEqual([at(0x3030)]);
});

test("keys: of a question for a key only the text that the program is given", () => {
  const { kernel, view, point } = machine({ key_serial_tree: 0x100 }, KEYS);
  Buffer.from(view.buffer).write(".request_key_auth\0", 0x500, "latin1");
  point(0x600, 0x500);
  point(0x100, 0x1008);
  point(0x1000 + 32, 0x600);
  point(0x1000 + 40, 0x4000);
  point(0x4000 + 24, 0x5000);
  expect(keyPayloads(kernel)?.addresses).toEqual([at(0x5000)]);
});

test("keys: of those that sign, private ones", () => {
  const types = { ...KEYS, "public_key.key": [0, 8], "public_key.key_is_private": [8, 1] } as const;
  const { kernel, view, point } = machine({ key_serial_tree: 0x100 }, types);
  Buffer.from(view.buffer).write("asymmetric\0", 0x500, "latin1");
  point(0x600, 0x500);
  point(0x100, 0x1008);
  point(0x1000 + 32, 0x600);
  point(0x1000 + 40, 0x4000);
  point(0x4000, 0x5000);
  expect(keyPayloads(kernel)?.addresses).toEqual([]);
  view.setUint8(0x4008, 1);
  expect(keyPayloads(kernel)?.addresses).toEqual([at(0x5000)]);
});

test("keys: as they were given, of which IMA has copies until it has its rules", () => {
  const types = { ...KEYS, "ima_key_entry.list": [0, 16], "ima_key_entry.payload": [16, 8] } as const;
  const { kernel, point } = machine({ key_serial_tree: 0x100, ima_keys: 0x200 }, types);
  point(0x200, 0x3000);
  point(0x3000, 0x3100);
  point(0x3010, 0x5000);
  // One without a copy.
  point(0x3100, 0x200);
  expect(keyPayloads(kernel)?.addresses).toEqual([at(0x5000)]);
});

test("keys: without the tree's address nobody knows", () => {
  expect(keyPayloads(machine({}, KEYS).kernel)).toBeUndefined();
});

test("signals that wait: what they carry goes, their numbers stay", () => {
  const { kernel, point } = machine(
    {},
    {
      "sigqueue.list": [0, 16],
      "sigqueue.info": [32, 48],
      "sigqueue.info._sifields": [48, 32],
      "task_struct.pending.list": [16, 16],
      "task_struct.signal": [40, 8],
      "signal_struct.shared_pending.list": [8, 16],
    },
  );
  // One of a thread's own, one of its process, of which there are two threads.
  point(0x1010, 0x3000);
  point(0x3000, 0x1010);
  point(0x1110, 0x1110);
  for (const task of [0x1000, 0x1100]) point(task + 40, 0x2000);
  point(0x2008, 0x4000);
  point(0x4000, 0x2008);
  const found = queuedSignals(space, kernel, [at(0x1000), at(0x1100)]);
  expect(found.objects).toBe(2);
  expect(piecesOf(found.list)).toEqual([
    [0x3030, 0x3050],
    [0x4030, 0x4050],
  ]);
});

test("directory entries: what lies behind a short name, and all the room for one where the name is elsewhere", () => {
  const { kernel, view, point } = machine({}, { "dentry.d_name.name": [8, 8], "dentry.d_iname": [32, 16] });
  const names = entryNames(space, kernel);
  point(0x1008, 0x1020);
  Buffer.from(view.buffer).write("etc\0old words", 0x1020, "latin1");
  expect([names?.unwritten(view, 0x1000, 0x1000), names?.end]).toEqual([35, 48]);
  point(0x1008, 0x5000);
  expect(names?.unwritten(view, 0x1000, 0x1000)).toBe(32);
  // At the same place of another page.
  point(0x1008, 0x5020);
  expect(names?.unwritten(view, 0x1000, 0x1000)).toBe(32);
  // No address at all: the entry is not what it seems.
  view.setBigUint64(0x1008, 7n, true);
  expect(names?.unwritten(view, 0x1000, 0x1000)).toBe(48);
  expect(entryNames(space, machine({}, {}).kernel)).toBeUndefined();
});

test("tables of open files: the room in the process's own structure, and behind the bitmaps", () => {
  const { kernel, view, point } = machine(
    {},
    {
      "task_struct.files": [8, 8],
      "files_struct.fdt": [32, 8],
      "files_struct.fdtab": [40, 56],
      "files_struct.fd_array": [128, 512],
      "fdtable.max_fds": [0, 4],
      "fdtable.full_fds_bits": [32, 8],
    },
  );
  point(0x1008, 0x2000);
  point(0x2020, 0x3000);
  view.setUint32(0x3000, 8192, true);
  point(0x3020, 0x4800);
  // One whose table is its own, and a thread of the first.
  point(0x1108, 0x5000);
  point(0x5020, 0x5028);
  point(0x1208, 0x2000);
  expect(fileTableRooms(kernel, [at(0x1000), at(0x1100), at(0x1200)])).toEqual({
    // 8,192 files are 128 words of bits, and those are 2 words of bits.
    ends: [at(0x4810)],
    pieces: [{ address: at(0x2080), length: 512 }],
  });
});

test("whole objects in use that addresses lie in", () => {
  const slab = {
    cache: { stride: 64, objectSize: 60 },
    start: 0x10000,
    count: 4,
    free: Uint8Array.of(0, 1, 0, 0),
  } as unknown as Slab;
  expect(objectsInSlab(slab, [0xff00, 0x10000, 0x10044, 0x10090, 0x10100])).toEqual([
    { start: 0x10000, length: 60 },
    { start: 0x10080, length: 60 },
  ]);
});

test("what is overwritten behind a device leaves timers that wait there", () => {
  const list = new SpanList();
  list.add(1000, 1000);
  list.add(5000, 100);
  const left = withoutPieces(list, [
    [1980, 40],
    [990, 40],
    [1400, 40],
    [3000, 40],
    [5000, 100],
  ]);
  expect(piecesOf(left)).toEqual([
    [1030, 1400],
    [1440, 1980],
  ]);
});
