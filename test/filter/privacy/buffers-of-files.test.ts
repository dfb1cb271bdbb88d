/** Buffers of file systems, of the kernel's own files, of swap and protocols in slabs, and keys that lead to others. */
import { expect, test } from "vitest";
import { driverBuffers } from "../../../src/filter/privacy/driver-buffers.js";
import { fileRequests } from "../../../src/filter/privacy/file-requests.js";
import { fileTexts } from "../../../src/filter/privacy/file-texts.js";
import { keyPayloads } from "../../../src/filter/privacy/key-payloads.js";
import { swapBuffers, wholeObjects } from "../../../src/filter/privacy/whole-objects.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import {
  BASE,
  machine,
  NO_FILES,
  OPEN_FILES,
  piecesOf,
  space,
  taskWithFiles,
  withAddresses,
} from "../../support/fake-machine.js";

const at = (address: number) => BASE + BigInt(address);

const FILES = {
  ...OPEN_FILES,
  "seq_file.buf": [0, 8],
  "seq_file.size": [8, 8],
  "seq_file.file": [16, 8],
  "seq_file.op": [40, 8],
  "seq_file.private": [48, 8],
  "kernfs_open_file.file": [24, 8],
  "kernfs_open_file.seq_file": [32, 8],
  "trace_iterator.seq.buffer": [128, 4096],
  "trace_iterator.tmp_seq.buffer": [0x1100, 4096],
} as const;

test("texts that programs read in part: of files in /proc, sysfs and traces; no other file's data", () => {
  const guest = machine({}, FILES);
  const { kernel, word, point } = guest;
  const open = withAddresses(kernel, { tracing_pipe_fops: 0x180, tracer_seq_ops: 0x190 });
  const task = taskWithFiles(guest, [
    [0x600, 0x100, 0x2000],
    [0x610, 0x110, 0x3000],
    [0x620, 0x180, 0x8000],
    [0x630, 0x120, 0x4000],
    [0x640, 0x120, 0x5000],
  ]);
  // A text, and one through sysfs.
  point(0x2010, 0x600);
  point(0x2000, 0xa000);
  word(0x2008, 4096n);
  point(0x3018, 0x610);
  point(0x3020, 0x3800);
  point(0x3800, 0xc000);
  word(0x3808, 0x800n);
  // Something that names another file, and one whose size no text has.
  point(0x4010, 0x600);
  point(0x4000, 0xd000);
  word(0x4008, 64n);
  point(0x5010, 0x640);
  point(0x5000, 0xe000);
  word(0x5008, 1n << 33n);
  const found = fileTexts(space, open, { tasks: [task], others: [] });
  const pipe = [
    [0x8080, 0x9080],
    [0x9100, 0xa100],
  ];
  expect(piecesOf(found.list)).toEqual([pipe[0], [0x9100, 0xb000], [0xc000, 0xc800]]);
  expect(found.objects).toBe(4);
  // A trace that is read as a text has the same iterator.
  point(0x2028, 0x190);
  point(0x2030, 0x10000);
  const traced = fileTexts(space, open, { tasks: [task], others: [] });
  expect(piecesOf(traced.list).slice(-2)).toEqual(pipe.map(([from = 0, to = 0]) => [from + 0x8000, to + 0x8000]));
  // The largest object that a slab of 64 KiB pages has.
  word(0x2008, 131_072n);
  expect(fileTexts(space, open, { tasks: [task], others: [] }).objects).toBe(5);
  const large = { ...open, memory: { ...open.memory, pageSize: 65_536 } };
  expect(fileTexts(space, large, { tasks: [task], others: [] }).objects).toBe(6);
});

test("answers of a TPM that programs have not read, or that are as they were after reading", () => {
  const { kernel, view, point } = machine({}, { ...FILES, "file_priv.data_buffer": [256, 4096] });
  const symbols = { addresses: (name: string) => (name === "tpmrm_fops" ? [at(0x180)] : []) };
  const open = { ...kernel, symbols } as unknown as KernelObjects;
  point(0x200, 0x300);
  point(0x308, 0x400);
  point(0x400, 0x500);
  view.setUint32(0x408, 2, true);
  for (const [i, operations] of [0x180, 0x190].entries()) {
    point(0x500 + 8 * i, 0x600 + 16 * i);
    point(0x600 + 16 * i, operations);
    point(0x608 + 16 * i, 0x8000 + 0x4000 * i);
  }
  expect(piecesOf(fileTexts(space, open, { tasks: [at(0x200)], others: [] }).list)).toEqual([[0x8100, 0x9100]]);
});

test("the page that zswap compressed last: of each CPU (until 6.7), or of each CPU and pool", () => {
  const symbols = { __per_cpu_offset: 0x200, __cpu_possible_mask: 0x300 };
  const old = machine({ ...symbols, zswap_dstmem: 0x40n }, {});
  old.word(0x300, 1n);
  old.point(0x200, 0x5000);
  old.point(0x5040, 0xa000);
  expect(swapBuffers(old.kernel)).toEqual([at(0xa000)]);
  const types = {
    "zswap_pool.list": [16, 16],
    "zswap_pool.acomp_ctx": [8, 8],
    "crypto_acomp_ctx.buffer": [24, 8],
  } as const;
  const recent = machine({ ...symbols, zswap_pools: 0x100 }, types);
  recent.word(0x300, 1n);
  recent.point(0x200, 0x5000);
  recent.point(0x100, 0x1010);
  recent.point(0x1010, 0x100);
  recent.word(0x1008, 0x80n);
  recent.point(0x5098, 0xc000);
  expect(swapBuffers(recent.kernel)).toEqual([at(0xc000)]);
  const nowhere = machine({ __per_cpu_offset: 0x200, __cpu_possible_mask: 0x300 }, { zswap_pool: [0, 64], ...types });
  expect(wholeObjects(space, nowhere.kernel).missing).toEqual([
    "what zswap compressed last on each CPU: nothing says where that is",
  ]);
  expect(wholeObjects(space, recent.kernel)).toEqual({
    keys: undefined,
    words: [],

    buffers: [0xc000],
    missing: [],
  });
});

test("keys that lead to others: tickets of AFS in a list, the key of Ceph", () => {
  const { kernel, view, point } = machine(
    { key_serial_tree: 0x100 },
    {
      "key.serial_node": [8, 24],
      "key.type": [32, 8],
      "key.payload.data[0]": [40, 8],
      "key_type.name": [0, 8],
      "rb_node.rb_left": [16, 8],
      "rb_node.rb_right": [8, 8],
      "rxrpc_key_token.kad": [8, 8],
      "rxrpc_key_token.next": [16, 8],
      "ceph_crypto_key.key": [16, 8],
    },
  );
  Buffer.from(view.buffer).write("rxrpc\0", 0x500, "latin1");
  Buffer.from(view.buffer).write("ceph\0", 0x510, "latin1");
  point(0x600, 0x500);
  point(0x610, 0x510);
  point(0x100, 0x1008);
  point(0x1000 + 32, 0x600);
  point(0x1000 + 40, 0x4000);
  point(0x1008 + 16, 0x2008);
  point(0x2000 + 32, 0x610);
  point(0x2000 + 40, 0x5000);
  point(0x4008, 0x4400);
  point(0x4010, 0x4800);
  point(0x4808, 0x4c00);
  // A list that is a circle.
  point(0x4810, 0x4000);
  point(0x5010, 0x5400);
  expect(new Set(keyPayloads(kernel)?.addresses)).toEqual(
    new Set([0x4000, 0x4400, 0x4800, 0x4c00, 0x5000, 0x5400].map(at)),
  );
});

test("keys that lead to others, by types of a module that are not known, are named", () => {
  const types = {
    "key.serial_node": [8, 24],
    "key.type": [32, 8],
    "key.payload.data[0]": [40, 8],
    "key_type.name": [0, 8],
    "rb_node.rb_left": [16, 8],
    "rb_node.rb_right": [8, 8],
  } as const;
  const { kernel, view, point } = machine({ key_serial_tree: 0x100 }, types);
  Buffer.from(view.buffer).write("ceph\0", 0x510, "latin1");
  point(0x610, 0x510);
  point(0x100, 0x1008);
  point(0x1000 + 32, 0x610);
  point(0x1000 + 40, 0x4000);
  expect(wholeObjects(space, kernel)).toEqual({
    ...{ keys: [0x4000], words: [], buffers: [] },
    missing: ["what keys of the type ceph lead to: its module has no types"],
  });
});

test("9p: requests under way and their answers, in memory that is not of their cache", () => {
  const types = {
    v9fs_session_info: [0, 64],
    "v9fs_session_info.slist": [0, 16],
    "v9fs_session_info.clnt": [24, 8],
    "p9_client.reqs.idr_rt.xa_head": [40, 8],
    "p9_req_t.tc.sdata": [16, 8],
    "p9_req_t.tc.capacity": [24, 8],
    "p9_req_t.rc.sdata": [48, 8],
    "p9_req_t.rc.capacity": [56, 8],
  } as const;
  const { kernel, word, point } = machine({ v9fs_sessionlist: 0x100 }, types);
  point(0x100, 0x1000);
  point(0x1000, 0x100);
  point(0x1018, 0x2000);
  // A tree of one request.
  point(0x2028, 0x3000);
  point(0x3010, 0x8000);
  word(0x3018, 8192n);
  point(0x3030, 0xc000);
  word(0x3038, 1n << 40n);
  expect(piecesOf(fileRequests(space, kernel)?.list as never)).toEqual([[0x8000, 0xa000]]);
  expect(fileRequests(space, machine({ v9fs_sessionlist: 0x100, modules: 0x180 }, {}).kernel)).toBeUndefined();
  for (const missing of Object.keys(types).slice(2)) {
    const other = machine({ v9fs_sessionlist: 0x100 }, { ...types, [missing]: undefined } as unknown as typeof types);
    expect(fileRequests(space, other.kernel)).toBeUndefined();
  }
});

test("9p: sessions that all lead to one tree of large requests end, and the search says so", () => {
  const types = {
    v9fs_session_info: [0, 64],
    "v9fs_session_info.slist": [0, 16],
    "v9fs_session_info.clnt": [24, 8],
    "p9_client.reqs.idr_rt.xa_head": [0, 8],
    "p9_req_t.tc.sdata": [16, 8],
    "p9_req_t.tc.capacity": [24, 8],
    "p9_req_t.rc.sdata": [16, 8],
    "p9_req_t.rc.capacity": [24, 8],
  } as const;
  const { kernel, word, point } = machine({ v9fs_sessionlist: 0x100 }, types);
  const member = kernel.types.member.bind(kernel.types);
  const slots = { name: "slots", offset: 0, size: 512, type: "", count: 64 };
  const wide = {
    ...kernel,
    types: {
      ...kernel.types,
      member: (type: string, name: string) => (type === "xa_node" ? slots : member(type, name)),
    },
  } as unknown as KernelObjects;
  // 2,048 sessions; a tree whose node has 64 other nodes, each with the same entries, which are values.
  for (let i = 0; i < 2048; i++) {
    point(i === 0 ? 0x100 : 0x8000 + (i - 1) * 32, 0x8000 + i * 32);
    point(0x8000 + i * 32 + 24, 0x200);
  }
  point(0x8000 + 2047 * 32, 0x100);
  word(0x200, BASE + 0x1002n);
  for (let i = 0; i < 64; i++) word(0x1000 + i * 8, BASE + BigInt(0x18000 + i * 8 + 2));
  for (let i = 0; i < 1024; i++) word(0x18000 + i * 8, BigInt(2 * i + 1));
  let reads = 0;
  const memory = {
    ...wide.memory,
    readView: (at: bigint, length: number) => {
      reads++;
      return kernel.memory.readView(at, length);
    },
  };
  expect(fileRequests(space, { ...wide, memory })).toBeUndefined();
  expect(reads).toBeLessThan(2048 * 64);
});

test("CAN: messages of many frames in their sockets, and where the room is elsewhere", () => {
  const types = {
    isotp_sock: [0, 32],
    "isotp_sock.notifier": [0, 16],
    "isotp_sock.rx.buf": [64, 8],
    "isotp_sock.rx.buflen": [72, 4],
    "isotp_sock.rx.sbuf": [128, 256],
    "isotp_sock.tx.buf": [512, 1024],
  } as const;
  const { kernel, view, point } = machine({ isotp_notifier_list: 0x100 }, types);
  point(0x100, 0x1000);
  point(0x1000, 0x100);
  point(0x1040, 0x8000);
  view.setUint32(0x1048, 4096, true);
  expect(piecesOf(driverBuffers(space, kernel, () => NO_FILES).list)).toEqual([
    [0x1080, 0x1180],
    [0x1200, 0x1600],
    [0x8000, 0x9000],
  ]);
  expect(
    driverBuffers(space, machine({ isotp_notifier_list: 0x100, modules: 0x180 }, {}).kernel, () => NO_FILES).missing,
  ).toContain("CAN (ISO-TP)");
});
