/** Caches of buffers that the kernel merged with others, and the structs that lead to each buffer in use. */
import { expect, test } from "vitest";
import { blockBuffers } from "../../../src/filter/privacy/block-buffers.js";
import { bufferCaches } from "../../../src/filter/privacy/buffer-caches.js";
import { journalCopies } from "../../../src/filter/privacy/journal-copies.js";
import { rpcBuffers } from "../../../src/filter/privacy/rpc-buffers.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { BASE, type FakeMachine, machine, piecesOf, space } from "../../support/fake-machine.js";
import { BUFIO, SUNRPC } from "../../support/object-types.js";

const at = (address: number) => BASE + BigInt(address);
/** A cache that every kernel has. */
const NAMED = [{ name: "names_cache", address: at(0x4000) }];
const CACHE = { "kmem_cache.refcount": [0, 4] } as const;

function list({ point }: FakeMachine, head: number, ...entries: number[]): void {
  [head, ...entries].forEach((one, i) => {
    point(one, entries[i] ?? head);
  });
}

/** Caches with so many owners, 0x40 bytes apart. */
function caches({ view }: FakeMachine, ...owners: number[]): void {
  owners.forEach((count, i) => {
    view.setInt32(0x4000 + 0x40 * i, count, true);
  });
}

test("where no pointer says which caches have buffers, names do; not of caches with several owners", () => {
  const guest = machine({}, CACHE);
  caches(guest, 1, 2);
  const kindOf = (name: string, address = 0x4000) =>
    bufferCaches(guest.kernel, NAMED).kindOf({ name, address: at(address) });
  for (const name of [
    "9p-fcall-cache",
    "9p-fcall-cache-3",
    "rpc_buffers",
    "cifs_request",
    "dm_bufio_cache-512-8",
    "jbd2_1k",
    "memdup_user-256",
  ]) {
    expect(kindOf(name), name).toBe("driver-buffers");
    expect(kindOf(name, 0x4040), name).toBeUndefined();
  }
  expect(kindOf("names_cache")).toBe("path-names");
  for (const name of ["rpc_tasks", "jbd2_inode", "dentry"]) expect(kindOf(name), name).toBeUndefined();
});

test("the kernel's pointers say which caches have buffers, whatever their names are", () => {
  const symbols = { names_cachep: 0x80, rpc_buffer_slabp: 0x88, jbd2_slab: 0x100, cifs_req_cachep: 0x90 };
  const guest = machine(symbols, CACHE);
  caches(guest, 1, 2, 1, 3, 1);
  guest.point(0x80, 0x4000);
  guest.point(0x88, 0x4040);
  guest.point(0x108, 0x4080);
  guest.point(0x90, 0x40c0);
  const found = bufferCaches(guest.kernel, NAMED);
  const kindOf = (name: string, address: number) => found.kindOf({ name, address: at(address) });
  expect(kindOf("another", 0x4000)).toBe("path-names");
  expect(kindOf("another", 0x4080)).toBe("driver-buffers");
  // Merged with another's, of which it may have the name.
  expect(kindOf("rpc_buffers", 0x4040)).toBeUndefined();
  // A name that the cache has from one that is gone.
  expect(kindOf("jbd2_2k", 0x4100)).toBeUndefined();
  expect(found.missing).toEqual(
    [
      "CIFS: the kernel has merged their cache with another",
      "the journals of file systems (jbd2): the kernel has merged their cache with another",
    ].slice(0, 1),
  );
});

test("names of files are named where their cache is merged, and no symbol leads to it", () => {
  const guest = machine({}, CACHE);
  caches(guest, 1, 2);
  const lost = ["names of files on their way through calls: the kernel has merged their cache with another"];
  expect(bufferCaches(guest.kernel, NAMED).missing).toEqual([]);
  expect(bufferCaches(guest.kernel, [{ name: "names_cache", address: at(0x4040) }]).missing).toEqual(lost);
  expect(bufferCaches(guest.kernel, [{ name: "pid", address: at(0x4000) }]).missing).toEqual(lost);
});

const RPC = {
  ...SUNRPC,
  "mempool.elements": [8, 8],
  "mempool.curr_nr": [16, 4],
} as const;

test("SUNRPC: calls and answers of all clients in all name spaces, and buffers in reserve", () => {
  const guest = machine({ init_net: 0x200, sunrpc_net_id: 0x80, rpc_buffer_mempool: 0x88 }, RPC);
  guest.view.setUint32(0x80, 3, true);
  guest.point(0x210, 0x300);
  guest.point(0x300 + 24, 0x400);
  list(guest, 0x410, 0x1000);
  list(guest, 0x1010, 0x2000, 0x2100);
  guest.point(0x2010, 0x3000);
  guest.point(0x3000, 0x8000);
  guest.word(0x3008, 200n);
  guest.point(0x3010, 0x80c8);
  guest.word(0x3018, 300n);
  guest.point(0x88, 0x500);
  guest.point(0x508, 0x600);
  guest.view.setUint32(0x510, 1, true);
  guest.point(0x600, 0xa000);
  const found = rpcBuffers(space, guest.kernel);
  expect(found && piecesOf(found.list)).toEqual([
    [0x8000, 0x8000 + 500],
    [0xa000, 0xa800],
  ]);
  expect(rpcBuffers(space, guest.kernel, new SearchSteps(2))).toBeUndefined();
});

const DISKS = {
  ...BUFIO,
  "rb_node.rb_left": [16, 8],
  "rb_node.rb_right": [8, 8],
} as const;

test("dm-bufio: blocks in one tree (until 6.3) and in several, and those in reserve", () => {
  const old = { ...DISKS, "dm_bufio_client.buffer_tree.rb_node": [48, 8], "dm_buffer.lru_list": [64, 16] } as const;
  const recent = {
    ...DISKS,
    "dm_bufio_client.cache.trees": [64, 0],
    "dm_bufio_client.cache.num_locks": [56, 4],
    buffer_tree: [0, 64],
    "buffer_tree.root.rb_node": [40, 8],
    "dm_buffer.lru.list": [64, 16],
  } as const;
  for (const [types, root] of [
    [old, 0x1030],
    [recent, 0x1040 + 64 + 40],
  ] as const) {
    const guest = machine({ dm_bufio_all_clients: 0x100 }, types);
    list(guest, 0x100, 0x1000);
    guest.view.setUint32(0x1010, 1024, true);
    guest.view.setUint32(0x1038, 2, true);
    if (types === old) guest.word(0x1038, 0n);
    guest.point(root, 0x2000);
    guest.point(0x2020, 0x8000);
    guest.point(0x2008, 0x2200);
    guest.point(0x2220, 0x9000);
    list(guest, 0x1018, 0x2440);
    guest.point(0x2420, 0xa000);
    const found = blockBuffers(space, guest.kernel);
    expect(found && piecesOf(found.list)).toEqual([0x8000, 0x9000, 0xa000].map((from) => [from, from + 1024]));
    expect(blockBuffers(space, guest.kernel, new SearchSteps(3))).toBeUndefined();
  }
});

test("dm-bufio: as many trees as their array has, where no member says it; none, and none to tell, is a gap", () => {
  const types = {
    ...DISKS,
    "dm_bufio_client.cache.trees": [64, 128, 2],
    buffer_tree: [0, 64],
    "buffer_tree.root.rb_node": [40, 8],
    "dm_buffer.lru.list": [64, 16],
  } as const;
  const buffers = (own: Readonly<Record<string, readonly [number, number, number?]>>) => {
    const guest = machine({ dm_bufio_all_clients: 0x100 }, own);
    list(guest, 0x100, 0x1000);
    list(guest, 0x1018);
    guest.view.setUint32(0x1010, 1024, true);
    guest.point(0x1040 + 64 + 40, 0x2000);
    guest.point(0x2020, 0x8000);
    return blockBuffers(space, guest.kernel);
  };
  const found = buffers(types);
  expect(found && piecesOf(found.list)).toEqual([[0x8000, 0x8400]]);
  expect(buffers({ ...types, "dm_bufio_client.cache.num_locks": [56, 4] })).toBeUndefined();
  expect(buffers({ ...types, "dm_bufio_client.cache.trees": [64, 0] })).toBeUndefined();
});

test("jbd2: copies of blocks, only of what a buffer leads back to", () => {
  const guest = machine(
    {},
    {
      "journal_head.b_bh": [0, 8],
      "journal_head.b_frozen_data": [24, 8],
      "journal_head.b_committed_data": [32, 8],
      "buffer_head.b_private": [8, 8],
      "buffer_head.b_size": [16, 8],
    },
  );
  guest.point(0x1000, 0x2000);
  guest.point(0x1018, 0x8000);
  guest.word(0x2010, 1024n);
  const head = new DataView(guest.view.buffer, 0x1000, 120);
  expect(journalCopies(space, guest.kernel, head, 0x1000)).toEqual([]);
  guest.point(0x2008, 0x1000);
  expect(journalCopies(space, guest.kernel, head, 0x1000)).toEqual([{ start: 0x8000, length: 1024 }]);
  // A whole page is no slab object.
  guest.word(0x2010, 4096n);
  expect(journalCopies(space, guest.kernel, head, 0x1000)).toEqual([]);
});
