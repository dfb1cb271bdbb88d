/** Files that no task has open: they are on their way through sockets, or registered for io_uring. */
import { afterEach, expect, test, vi } from "vitest";
import { fileTexts } from "../../../src/filter/privacy/file-texts.js";
import { logBuffers } from "../../../src/filter/privacy/log-buffers.js";
import { privateObjects } from "../../../src/filter/privacy/private-objects.js";
import { SlabFiles } from "../../../src/filter/privacy/slab-files.js";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { BASE, dumpOf, machine, piecesOf, space, withAddresses } from "../../support/fake-machine.js";

/** What the walk through slabs says: whether lists of CPUs are known, free files, and in which cache the texts are. */
const usual = () => ({
  cpuLists: true,
  free: Uint8Array.of(0, 0, 1, 0) as Uint8Array | undefined,
  texts: "kmalloc-cg-4k",
});
let slabs = usual();
afterEach(() => {
  slabs = usual();
});

vi.mock("../../../src/kernel/objects/slab-walk.js", async (original) => ({
  ...(await original<object>()),
  slabWalk: () => ({
    ...{ cpuLists: slabs.cpuLists, sheaves: { found: false, broken: 0 }, caches: new Map(), guarded: "none" },
    each(use: (slab: Slab) => void) {
      const slab = (name: string, stride: number, start: number, free: Uint8Array | undefined) => {
        const freelist = { offset: 32, wordSize: 8 };
        const cache = { name, address: BASE + 0x100n, stride, objectSize: stride, pad: 0, freelist };
        use({ cache, start, count: 4, end: start + stride * 4, extensions: undefined, free } as unknown as Slab);
      };
      slab("filp", 64, 0x1000, slabs.free);
      slab(slabs.texts, 4096, 0xa000, new Uint8Array(4));
      return 0;
    },
  }),
}));

const TYPES = {
  "file.f_op": [0, 8],
  "file.private_data": [8, 8],
  "file.f_count.counter": [16, 8],
  "seq_file.buf": [0, 8],
  "seq_file.size": [8, 8],
  "seq_file.file": [16, 8],
  "seq_file.private": [24, 8],
  "kmem_cache.refcount": [0, 4],
} as const;

/** Four files, whose texts lie at 0xa000 and so on; their counts of users. */
function files(types: object = TYPES, users: readonly bigint[] = [1n, 2n, 1n, 0n]) {
  const guest = machine({ init_task: 0 }, types as typeof TYPES);
  const { kernel, view, point, word } = guest;
  for (const [i, data] of [0x2000, 0x3000, 0x4000, 0x5000].entries()) {
    point(0x1000 + 64 * i, 0x800);
    point(0x1008 + 64 * i, data);
    word(0x1010 + 64 * i, users[i] as bigint);
    point(data, data + 0x8000);
    word(data + 8, 4096n);
    point(data + 16, 0x1000 + 64 * i);
  }
  const found = () => {
    const all = privateObjects(dumpOf(view), {} as KernelView, space, kernel, undefined);
    const open = { tasks: [], others: all?.files ?? [], allocations: all?.allocations };
    const erased = (names: Record<string, number> = {}) =>
      piecesOf(fileTexts(space, withAddresses(kernel, names), open).list);
    const log = () => piecesOf(logBuffers(space, withAddresses(kernel, { kmsg_fops: 0x800 }), open).list);
    return { places: [...open.others].map(({ own }) => Number(own - BASE)), erased, log, missing: all?.missing };
  };
  return { ...guest, found };
}
const UNKNOWN = "texts for readers of files that no table has: nothing says which are open";

test("a text that a program reads in part, whose file is in no table", () => {
  const { places, erased, missing } = files().found();
  expect(places).toEqual([0x2000, 0x3000]);
  expect(erased()).toEqual([[0xa000, 0xc000]]);
  expect(missing).not.toContain(UNKNOWN);
});

test("closed files that wait for their readers are not open: those that nobody holds", () => {
  const recent = { ...TYPES, "file.f_count.counter": undefined, "file.f_ref.refcnt.counter": [16, 8] };
  // One user; too many; between none and free (FILE_REF_RELEASED, FILE_REF_DEAD).
  for (const none of [0xc000_0000_0000_0000n, 0xe000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn])
    expect(files(recent, [0n, 0xa000_0000_0000_0000n, 0n, none]).found().places).toEqual([0x2000, 0x3000]);
  expect(files(TYPES, [0n, 0n, 0n, 0n]).found().places).toEqual([]);
});

test("where nothing says which files are free, none is believed, and that is said", () => {
  for (const change of [{ free: undefined }, { cpuLists: false }]) {
    slabs = { ...usual(), ...change };
    const { places, missing } = files().found();
    expect(places).toEqual([]);
    expect(missing).toContain(UNKNOWN);
  }
  const { places, missing } = files({ ...TYPES, "file.f_count.counter": undefined }).found();
  expect([places, missing?.includes(UNKNOWN)]).toEqual([[], true]);
});

test("what a file leads to is overwritten only as an allocation in use of its size, never as another's object", () => {
  slabs = { ...usual(), texts: "task_struct" };
  expect(files().found().erased()).toEqual([]);
  slabs = usual();
  const guest = files();
  // In the middle of an object, and one that is much larger than the text.
  guest.point(0x2000, 0xa800);
  guest.word(0x3008, 64n);
  expect(guest.found().erased()).toEqual([]);
});

test("what pointers of devices lead to (/dev/kmsg, traces, a TPM) is overwritten only in allocations", () => {
  const types = {
    ...TYPES,
    "devkmsg_user.pbufs": [64, 3072],
    "file_priv.data_buffer": [64, 2048],
    "trace_iterator.seq.buffer": [128, 3000],
  };
  const guest = files(types);
  guest.point(0x1008, 0xa000);
  guest.point(0x1048, 0xb000);
  const found = () => {
    const { erased, log } = guest.found();
    return [log(), erased({ tpm_fops: 0x800 }), erased({ tracing_pipe_fops: 0x800 })];
  };
  const both = (from: number, length: number) => [0xa000, 0xb000].map((at) => [at + from, at + from + length]);
  expect(found()).toEqual([both(64, 3072), both(64, 2048), both(128, 3000)]);
  slabs = { ...usual(), texts: "task_struct" };
  expect(found()).toEqual([[], [], []]);
});

test("an old kernel whose texts do not name their files: that is said", () => {
  const { kernel } = machine({}, { ...TYPES, "seq_file.file": undefined } as unknown as typeof TYPES);
  const incomplete = vi.fn();
  fileTexts(space, { ...withAddresses(kernel, {}), incomplete }, { tasks: [], others: [] });
  expect(incomplete).toHaveBeenCalled();
});

test("any number of files is remembered, in the order of their slabs", () => {
  const { kernel, view } = files();
  const many = new SlabFiles(dumpOf(view), kernel, true);
  const cache = { stride: 64 } as Slab["cache"];
  for (let i = 0; i < 300; i++)
    many.look({ cache, start: 0x1000, count: 2, end: 0x1080, extensions: undefined, free: new Uint8Array(2) });
  const all = [...many].map(({ own }) => Number(own - BASE));
  expect(all).toEqual(Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? 0x2000 : 0x3000)));
  expect([many.cut, many.unknown]).toEqual([false, false]);
});

test("a slab of kmalloc is read once, for all that is looked for in it: pools only where it is known what is free", () => {
  const members = ["elements", "pool_data", "alloc", "free", "min_nr", "curr_nr"];
  const types = {
    ...TYPES,
    ...Object.fromEntries(members.map((name, i) => [`mempool.${name}`, [8 * i, 8]])),
    mempool: [0, 72],
    "crypto_alg.cra_list": [0, 16],
    "crypto_alg.cra_type": [16, 8],
    "crypto_tfm.__crt_alg": [0, 8],
    "crypto_tfm.__crt_ctx": [8, 8],
  };
  const symbols = { init_task: 0, crypto_alg_list: 0x100, mempool_kmalloc: 0xa0, mempool_kfree: 0xb0 };
  const guest = machine(symbols, types as unknown as typeof TYPES);
  guest.point(0x100, 0x200);
  guest.point(0x200, 0x100);
  // A cipher, and a pool of one object, all in one slab.
  guest.point(0xa000, 0x200);
  for (const [i, one] of [0x300, 0x40, 0xa0, 0xb0].entries()) guest.point(0xb000 + 8 * i, one);
  guest.word(0xb008, 64n);
  guest.word(0xb020, 1n);
  guest.word(0xb028, 1n);
  guest.point(0x300, 0xc000);
  const kernel = {
    ...guest.kernel,
    symbols: { ...guest.kernel.symbols, ...{ endingIn: () => [], addresses: () => [] } },
  };
  const dump = dumpOf(guest.view);
  const read = vi.spyOn(dump.memory, "read");
  const found = privateObjects(dump, {} as KernelView, space, kernel, undefined)?.found;
  expect(piecesOf(found?.get("keys")?.list as never)[0]).toEqual([0xa008, 0xb000]);
  expect(piecesOf(found?.get("unwritten")?.list as never)).toEqual([[0xc000, 0xc040]]);
  expect(read.mock.calls.filter(([, at]) => at === 0xa000)).toHaveLength(1);
  // Where lists of CPUs are not known, the pool may be a freed one.
  slabs = { ...usual(), cpuLists: false };
  const unsure = privateObjects(dump, {} as KernelView, space, kernel, undefined);
  expect(unsure?.found.get("unwritten")).toBeUndefined();
  expect(unsure?.missing).toContain("objects that pools have in reserve (some of them)");
});
