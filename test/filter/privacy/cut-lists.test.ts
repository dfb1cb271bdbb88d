/**
 * What leads nowhere (a list that is cut off or a circle, a place that the dump lacks, a member that the types lack): what was found
 * stays, and it is known that it is not all.
 */
import { expect, test } from "vitest";
import { blockBuffers } from "../../../src/filter/privacy/block-buffers.js";
import { bluetoothKeys } from "../../../src/filter/privacy/bluetooth-keys.js";
import { bufferCaches } from "../../../src/filter/privacy/buffer-caches.js";
import { driverBuffers } from "../../../src/filter/privacy/driver-buffers.js";
import { lastEvents } from "../../../src/filter/privacy/input-devices.js";
import { queuedSignals } from "../../../src/filter/privacy/queued-signals.js";
import { rpcBuffers } from "../../../src/filter/privacy/rpc-buffers.js";
import type { ScrubList } from "../../../src/filter/privacy/scrubbed.js";
import { guessing, watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { wirelessKeys } from "../../../src/filter/privacy/wireless-keys.js";
import { readMember, walkList } from "../../../src/kernel/objects/kernel-objects.js";
import { treeNodes, xarrayEntries } from "../../../src/kernel/objects/lookup-trees.js";
import { networkSpaces } from "../../../src/kernel/objects/network-spaces.js";
import { BASE, type FakeMachine, machine, NO_FILES, piecesOf, space } from "../../support/fake-machine.js";
import { BLUETOOTH, BUFIO, INPUT, SUNRPC, WIRELESS } from "../../support/object-types.js";

/** A list; `rest`: where its last entry leads instead of the head. */
function list({ point }: FakeMachine, head: number, entries: readonly number[], rest = head): void {
  [head, ...entries].forEach((one, i) => {
    point(one, entries[i] ?? rest);
  });
}

/** No memory of the machine. */
const NOWHERE = 0x90_0000;

test.each([
  ["its end", 0x100, 8, false],
  ["memory that the dump lacks", NOWHERE, 8, true],
  ["a circle", 0x1000, 8, true],
  ["too many entries", 0x100, 1, true],
])("a walk to %s", (_, rest, limit, isCut) => {
  const guest = machine({}, { "one.list": [0, 16] });
  list(guest, 0x100, [0x1000, 0x1100], rest);
  const watched = watchedKernel(guest.kernel);
  const entries = [...walkList(watched.kernel, BASE + 0x100n, "one", "list", limit)];
  expect(entries[0]).toBe(BASE + 0x1000n);
  expect(watched.cut).toBe(isCut);
});

test.each([
  ["its leaves", 0, 8, false],
  ["memory that the dump lacks", NOWHERE, 8, true],
  ["a circle", 0x1000, 8, true],
  ["too many nodes", 0, 1, true],
])("a tree to %s", (_, rest, limit, isCut) => {
  const guest = machine({}, { "rb_node.rb_left": [0, 8], "rb_node.rb_right": [8, 8] });
  guest.point(0x1000, 0x2000);
  if (rest > 0) guest.point(0x2008, rest);
  const watched = watchedKernel(guest.kernel);
  expect([...treeNodes(watched.kernel, BASE + 0x1000n, limit)][0]).toBe(BASE + 0x1000n);
  expect(watched.cut).toBe(isCut);
});

test("an index, a member and a word that cannot be read are noticed, but not by guesses", () => {
  const guest = machine({ net_namespace_list: 0x100 }, { "one.next": [0, 8], "net.list": [0, 16] });
  for (const read of [
    (kernel: typeof guest.kernel) => [...xarrayEntries(kernel, BASE + BigInt(NOWHERE) + 2n)],
    (kernel: typeof guest.kernel) => readMember(kernel, "one", BASE, "previous"),
    (kernel: typeof guest.kernel) => readMember(kernel, "one", BASE + BigInt(NOWHERE), "next"),
    (kernel: typeof guest.kernel) => kernel.memory.readWord(BASE + BigInt(NOWHERE)),
    networkSpaces,
  ]) {
    const watched = watchedKernel(guest.kernel);
    read(guessing(watched.kernel));
    expect(watched.cut).toBe(false);
    read(watched.kernel);
    expect(watched.cut).toBe(true);
  }
});

type Types = Parameters<typeof machine>[1];

/** What a search finds, and whether it was led to the end. */
function searched<T>({ kernel }: FakeMachine, search: (kernel: FakeMachine["kernel"]) => T) {
  const watched = watchedKernel(kernel);
  return { found: search(watched.kernel), cut: watched.cut };
}

/** The types without one member. */
const without = (types: Types, member: string | undefined): Types =>
  Object.fromEntries(Object.entries(types).filter(([name]) => name !== member));

/** A cache that every kernel has. */
const NAMED = [{ name: "names_cache", address: BASE + 0x4000n }];

const PAIRED = {
  ...BLUETOOTH,
  // No pairing is in progress.
  "oob_data.list": [0, 16],
  "hci_conn.list": [0, 16],
  "hci_dev.remote_oob_data": [64, 16],
  "hci_dev.conn_hash.list": [80, 16],
  "hci_dev.smp_data": [96, 8],
  "hci_dev.smp_bredr_data": [104, 8],
} as const;

function paired(rest: number, absent?: string) {
  const guest = machine({ hci_dev_list: 0x100 }, without(PAIRED, absent));
  list(guest, 0x100, [0x1000]);
  list(guest, 0x1010, [0x2000], rest);
  list(guest, 0x1020, [0x3000]);
  list(guest, 0x1030, []);
  for (const head of [0x1040, 0x1050]) list(guest, head, []);
  return searched(guest, (kernel) => bluetoothKeys(space, kernel));
}

function wireless(rest: number, absent?: string) {
  const types = WIRELESS;
  const guest = machine({ init_net: 0x100, ieee80211_dataif_ops: 0x200 }, without(types, absent));
  list(guest, 0x100, [0x1000]);
  guest.point(0x1010, 0x200);
  list(guest, 0x1000 + 128 + 16, [0x3000], rest);
  guest.view.setUint8(0x3000 + 304, 16);
  return searched(guest, (kernel) => wirelessKeys(space, kernel));
}

function keyboards(rest: number, absent?: string) {
  const types = INPUT;
  const guest = machine({ init_task: 0x40, input_dev_list: 0x100 }, without(types, absent));
  list(guest, 0x100, [0x1000], rest);
  guest.point(0x1010, 0x8000);
  guest.view.setUint32(0x1018, 9, true);
  return searched(guest, (kernel) => lastEvents(space, kernel));
}

function calls(rest: number, absent?: string) {
  const types = SUNRPC;
  const guest = machine(
    { init_net: 0x200, sunrpc_net_id: 0x80, net_namespace_list: 0x180, rpc_buffer_mempool: 0x190 },
    without(types, absent),
  );
  list(guest, 0x180, []);
  guest.point(0x210, 0x300);
  guest.point(0x300, 0x400);
  list(guest, 0x410, [0x1000]);
  list(guest, 0x1010, [0x2000], rest);
  guest.point(0x2010, 0x3000);
  guest.point(0x3000, 0x8000);
  guest.word(0x3008, 200n);
  return searched(guest, (kernel) => rpcBuffers(space, kernel));
}

const DISKS = {
  ...BUFIO,
  "dm_bufio_client.buffer_tree.rb_node": [48, 8],
  "dm_bufio_client.slab_cache": [56, 8],
  "dm_buffer.lru_list": [64, 16],
} as const;

function blocks(rest: number, absent?: string) {
  const guest = machine({ dm_bufio_all_clients: 0x100 }, without(DISKS, absent));
  list(guest, 0x100, [0x1000]);
  guest.view.setUint32(0x1010, 1024, true);
  list(guest, 0x1018, [0x2440], rest);
  guest.point(0x2420, 0x8000);
  return searched(guest, (kernel) => blockBuffers(space, kernel));
}

function signals(rest: number, absent?: string) {
  const types = {
    "sigqueue.list": [0, 16],
    "sigqueue.info": [32, 48],
    "sigqueue.info._sifields": [48, 32],
    "task_struct.pending.list": [16, 16],
    "task_struct.signal": [0, 8],
  } as const;
  const guest = machine({}, without(types, absent));
  list(guest, 0x1010, [0x2000], rest);
  return searched(guest, (kernel): ScrubList | undefined => queuedSignals(space, kernel, [BASE + 0x1000n]));
}

test.each([
  ["keys of Bluetooth", paired, 0x1010, 2, "smp_irk.list"],
  ["keys of Wi-Fi", wireless, 0x1000 + 128 + 16, 1, "ieee80211_sub_if_data.key_list"],
  ["events of input devices", keyboards, 0x100, 1, "input_dev.vals"],
  ["calls of SUNRPC", calls, 0x1010, 1, "rpc_rqst.rq_buffer"],
  ["blocks of dm-bufio", blocks, 0x1018, 1, "dm_bufio_client.block_size"],
  ["signals", signals, 0x1010, 1, "sigqueue.info._sifields"],
] as const)("%s", (_, search, head, objects, absent) => {
  const whole = search(head);
  expect(whole.found?.objects).toBe(objects);
  expect(whole.cut).toBe(false);
  const part = search(NOWHERE);
  expect(part.cut).toBe(true);
  expect(part.found && piecesOf(part.found.list)).toEqual(whole.found && piecesOf(whole.found.list));
  expect(search(head, absent).cut).toBe(true);
});

test("drivers whose lists are cut off are named, beside what was found", () => {
  const types = INPUT;
  const guest = machine({ init_task: 0x40, input_dev_list: 0x100 }, types);
  list(guest, 0x100, [0x1000], NOWHERE);
  guest.point(0x1010, 0x8000);
  guest.view.setUint32(0x1018, 9, true);
  const found = driverBuffers(space, guest.kernel, () => NO_FILES);
  expect(found.missing).toContain("the last events of input devices (some of them)");
  expect(piecesOf(found.list)).toEqual([[0x8000, 0x8048]]);
});

test("caches are told by their names too, where the list of their owners is cut off", () => {
  const owners = { v9fs_session_info: [0, 64], "v9fs_session_info.slist": [0, 16] } as const;
  const types = { ...DISKS, ...owners, "kmem_cache.refcount": [0, 4] } as const;
  for (const [rest, kind] of [
    [0x100, undefined],
    [NOWHERE, "driver-buffers"],
  ] as const) {
    const guest = machine({ dm_bufio_all_clients: 0x100, v9fs_sessionlist: 0x200 }, types);
    list(guest, 0x100, [0x1000], rest);
    list(guest, 0x200, []);
    guest.point(0x1038, 0x4000);
    for (const cache of [0x4000, 0x4040]) guest.view.setInt32(cache, 1, true);
    const found = bufferCaches(guest.kernel, NAMED);
    const kindOf = (address: number) => found.kindOf({ name: "dm_bufio_cache-512", address: BASE + BigInt(address) });
    expect([kindOf(0x4000), kindOf(0x4040)]).toEqual(["driver-buffers", kind]);
    expect(found.missing).toHaveLength(kind === undefined ? 0 : 1);
  }
});
