/** Screens of consoles, audited terminals, BPF maps, and large objects that the kernel's lists lead to. */
import { expect, test } from "vitest";
import { bpfMaps } from "../../../src/filter/privacy/bpf-maps.js";
import { largeObjects } from "../../../src/filter/privacy/large-objects.js";
import { screens } from "../../../src/filter/privacy/screens.js";
import { ttyAudit } from "../../../src/filter/privacy/tty-audit.js";
import { BASE, type FakeMachine, machine, piecesOf, space } from "../../support/fake-machine.js";

const at = (address: number) => BASE + BigInt(address);

const CONSOLE = {
  vc: [0, 16],
  "vc.d": [0, 8],
  "vc_data.vc_screenbuf": [0, 8],
  "vc_data.vc_screenbuf_size": [8, 4],
  "vc_data.vc_rows": [12, 4],
  "vc_data.vc_cols": [16, 4],
  "vc_data.vc_uni_lines": [24, 8],
  "vc_data.vc_saved_screen": [32, 8],
  "vc_data.vc_saved_cols": [40, 4],
  "vc_data.vc_saved_rows": [44, 4],
  "vc_selection.buffer": [0, 8],
  "vc_selection.buf_len": [8, 4],
} as const;

test("screens: characters, their Unicode, the screen behind another, and what was selected", () => {
  const { kernel, view, word, point } = machine({ vc_cons: 0x100, vc_sel: 0x800 }, CONSOLE);
  point(0x110, 0x1000);
  point(0x1000, 0x4000);
  view.setUint32(0x1008, 4000, true);
  view.setUint32(0x100c, 2, true);
  view.setUint32(0x1010, 80, true);
  point(0x1018, 0x2000);
  point(0x2000, 0x6000);
  point(0x2008, 0x7000);
  point(0x1020, 0x8000);
  view.setUint32(0x1028, 10, true);
  view.setUint32(0x102c, 3, true);
  point(0x800, 0x9000);
  view.setUint32(0x808, 33, true);
  const found = screens(space, kernel);
  expect(found?.objects).toBe(1);
  expect(piecesOf(found?.list as never)).toEqual([
    ...[
      [0x4000, 0x4fa0],
      [0x6000, 0x6140],
      [0x7000, 0x7140],
    ],
    ...[
      [0x8000, 0x803c],
      [0x9000, 0x9021],
    ],
  ]);
  // A pointer to nowhere, and a size that no screen has.
  word(0x1000, 0x1234n);
  view.setUint32(0x102c, 0xffff_ffff, true);
  expect(piecesOf(screens(space, kernel)?.list as never).at(-1)?.[0]).toBe(0x8000);
});

test("screens: the memory of a VGA adapter, with lines that ran out of the screen", () => {
  const { kernel, point } = machine({ vc_cons: 0x100, vga_vram_base: 0x80, vga_vram_end: 0x88 }, CONSOLE);
  point(0x80, 0x10000);
  point(0x88, 0x18000);
  expect(piecesOf(screens(space, kernel)?.list as never)).toEqual([[0x10000, 0x18000]]);
});

test("a kernel without virtual consoles has none; where its variables are not told, that is said", () => {
  expect(screens(space, machine({}, {}).kernel)?.objects).toBe(0);
  expect(screens(space, machine({}, CONSOLE).kernel)).toBeUndefined();
  expect(screens(space, machine({ init_task: 0 }, CONSOLE).kernel)?.objects).toBe(0);
});

test("audited terminals: one buffer of a process, however many threads it has", () => {
  const { kernel, word, point } = machine(
    {},
    {
      "task_struct.signal": [0, 8],
      "signal_struct.tty_audit_buf": [8, 8],
      "tty_audit_buf.data": [16, 8],
    },
  );
  point(0x1000, 0x2000);
  point(0x1100, 0x2000);
  point(0x2008, 0x3000);
  point(0x3010, 0x5000);
  // ERR_PTR: there was no memory for it.
  point(0x1200, 0x2100);
  word(0x2108, 0xffff_ffff_ffff_fffdn);
  const found = ttyAudit(space, kernel, [at(0x1000), at(0x1100), at(0x1200)]);
  expect(found.objects).toBe(1);
  expect(piecesOf(found.list)).toEqual([[0x5000, 0x6000]]);
});

const MAPS = {
  "idr.idr_rt.xa_head": [0, 8],
  "bpf_map.map_type": [0, 4],
  "bpf_map.key_size": [4, 4],
  "bpf_map.value_size": [8, 4],
  "bpf_map.max_entries": [12, 4],
  "bpf_array.elem_size": [16, 4],
  "bpf_array.value": [32, 0],
  "bpf_array.pptrs": [32, 0],
  "bpf_htab.elems": [16, 8],
  "bpf_htab.buckets": [24, 8],
  "bpf_htab.n_buckets": [32, 4],
  "bpf_htab.elem_size": [36, 4],
  "htab_elem.key": [48, 0],
  bucket: [0, 16],
  "bpf_queue_stack.size": [16, 4],
  "bpf_queue_stack.elements": [24, 0],
  "lpm_trie.root": [16, 8],
  "lpm_trie.data_size": [24, 8],
  "lpm_trie_node.data": [40, 0],
  "lpm_trie_node.flags": [36, 4],
  "lpm_trie_node.child[0]": [16, 8],
  "lpm_trie_node.child[1]": [24, 8],
  bpf_local_storage_map_bucket: [0, 16],
  "bpf_local_storage_map.buckets": [16, 8],
  "bpf_local_storage_map.bucket_log": [24, 4],
  "bpf_local_storage_elem.map_node": [0, 16],
  "bpf_local_storage_elem.sdata.data": [72, 0],
  bpf_shtab_bucket: [0, 16],
  "bpf_shtab_bucket.head": [0, 8],
  "bpf_shtab.buckets": [16, 8],
  "bpf_shtab.buckets_num": [24, 4],
  "bpf_shtab_elem.node": [32, 16],
  "bpf_shtab_elem.key": [48, 0],
  "bpf_cgroup_storage_map.list": [32, 16],
  "bpf_cgroup_storage.list_map": [16, 16],
  "bpf_cgroup_storage.buf": [0, 8],
  "bpf_cgroup_storage.percpu_buf": [0, 8],
  "bpf_storage_buffer.data": [16, 0],
  "#BPF_MAP_TYPE_HASH": [1, 0],
  "#BPF_MAP_TYPE_HASH_OF_MAPS": [13, 0],
  "#BPF_MAP_TYPE_SOCKHASH": [18, 0],
  "#BPF_MAP_TYPE_CGROUP_STORAGE": [19, 0],
  "#BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE": [21, 0],
  "#BPF_MAP_TYPE_ARRAY": [2, 0],
  "#BPF_MAP_TYPE_PROG_ARRAY": [3, 0],
  "#BPF_MAP_TYPE_PERCPU_HASH": [5, 0],
  "#BPF_MAP_TYPE_PERCPU_ARRAY": [6, 0],
  "#BPF_MAP_TYPE_LPM_TRIE": [11, 0],
  "#BPF_MAP_TYPE_QUEUE": [22, 0],
  "#BPF_MAP_TYPE_TASK_STORAGE": [29, 0],
} as const;

/** A machine with two CPUs and one map, at 0x1000: type, sizes of key and value, entries. */
function mapMachine(type: number, key: number, value: number, entries: number): FakeMachine {
  const made = machine({ map_idr: 0x100, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x300 }, MAPS);
  made.point(0x100, 0x1000);
  made.word(0x200, BASE + 0x10000n);
  made.word(0x208, BASE + 0x14000n);
  made.word(0x300, 3n);
  [type, key, value, entries].forEach((number, i) => {
    made.view.setUint32(0x1000 + 4 * i, number, true);
  });
  return made;
}
const mapPieces = ({ kernel }: FakeMachine) => piecesOf(bpfMaps(space, kernel)?.list as never);

test("an array's values, and those of each CPU", () => {
  const array = mapMachine(2, 4, 60, 3);
  array.view.setUint32(0x1010, 64, true);
  expect(mapPieces(array)).toEqual([[0x1020, 0x10e0]]);
  const perCpu = mapMachine(6, 4, 60, 2);
  perCpu.view.setUint32(0x1010, 64, true);
  perCpu.word(0x1020, 0x100n);
  perCpu.word(0x1028, 0x200n);
  expect(mapPieces(perCpu)).toEqual([
    ...[
      [0x10100, 0x10140],
      [0x10200, 0x10240],
    ],
    ...[
      [0x14100, 0x14140],
      [0x14200, 0x14240],
    ],
  ]);
});

test("a hash's keys and values: of elements made beforehand, also the free ones, and of those in buckets", () => {
  const before = mapMachine(1, 8, 8, 2);
  before.point(0x1010, 0x4000);
  before.view.setUint32(0x1024, 64, true);
  expect(mapPieces(before)).toEqual([0, 1, 2, 3].map((i) => [0x4030 + i * 64, 0x4040 + i * 64]));
  const hanging = mapMachine(1, 8, 8, 2);
  hanging.view.setUint32(0x1024, 64, true);
  hanging.point(0x1018, 0x2000);
  hanging.view.setUint32(0x1020, 2, true);
  hanging.point(0x2000, 0x5000);
  hanging.point(0x5000, 0x6000);
  hanging.word(0x6000, 1n);
  hanging.word(0x2010, 3n);
  expect(mapPieces(hanging)).toEqual([
    [0x5030, 0x5040],
    [0x6030, 0x6040],
  ]);
  // A circle ends with the number of entries.
  hanging.point(0x6000, 0x5000);
  expect(mapPieces(hanging).length).toBe(2);
});

test("a hash whose values each CPU has: the pointer to them stays", () => {
  const perCpu = mapMachine(5, 6, 10, 2);
  perCpu.view.setUint32(0x1024, 64, true);
  perCpu.point(0x1018, 0x2000);
  perCpu.view.setUint32(0x1020, 1, true);
  perCpu.point(0x2000, 0x5000);
  perCpu.word(0x5000, 1n);
  perCpu.word(0x5038, 0x80n);
  expect(mapPieces(perCpu)).toEqual([
    [0x5030, 0x5038],
    [0x10080, 0x10090],
    [0x14080, 0x14090],
  ]);
});

test("a trie's node in between has no value: behind its prefix begins another object", () => {
  const trie = mapMachine(11, 8, 200, 4);
  trie.point(0x1010, 0x4000);
  trie.word(0x1018, 4n);
  trie.view.setUint32(0x4024, 1, true);
  trie.point(0x4010, 0x5000);
  expect(mapPieces(trie)).toEqual([
    [0x4028, 0x402c],
    [0x5028, 0x50f4],
  ]);
});

test("tries, queues, and values that hang at tasks", () => {
  const trie = mapMachine(11, 8, 8, 4);
  trie.point(0x1010, 0x4000);
  trie.word(0x1018, 4n);
  trie.point(0x4010, 0x5000);
  trie.point(0x4018, 0x4000);
  expect(mapPieces(trie)).toEqual([
    [0x4028, 0x4034],
    [0x5028, 0x5034],
  ]);
  const queue = mapMachine(22, 0, 16, 4);
  queue.view.setUint32(0x1010, 5, true);
  expect(mapPieces(queue)).toEqual([[0x1018, 0x1068]]);
  const storage = mapMachine(29, 4, 24, 0);
  storage.point(0x1010, 0x2000);
  storage.view.setUint32(0x1018, 1, true);
  storage.point(0x2010, 0x5000);
  storage.point(0x5000, 0x5000);
  expect(mapPieces(storage)).toEqual([[0x5048, 0x5060]]);
});

test("keys of maps whose values are pointers: hashes of maps and of sockets", () => {
  const maps = mapMachine(13, 12, 8, 2);
  maps.view.setUint32(0x1024, 72, true);
  maps.point(0x1018, 0x2000);
  maps.view.setUint32(0x1020, 1, true);
  maps.point(0x2000, 0x5000);
  maps.word(0x5000, 1n);
  expect(mapPieces(maps)).toEqual([[0x5030, 0x5040]]);
  const sockets = mapMachine(18, 32, 8, 4);
  sockets.point(0x1010, 0x2000);
  sockets.view.setUint32(0x1018, 2, true);
  sockets.point(0x2010, 0x5020);
  sockets.point(0x5020, 0x6020);
  // A circle ends with the number of entries.
  sockets.point(0x6020, 0x5020);
  expect(mapPieces(sockets)).toEqual([
    [0x5030, 0x5050],
    [0x6030, 0x6050],
  ]);
  const old = machine({ map_idr: 0x100, __cpu_possible_mask: 0x300, __per_cpu_offset: 0x200 }, {
    ...MAPS,
    "bpf_shtab_elem.key": undefined,
  } as unknown as typeof MAPS);
  old.point(0x100, 0x1000);
  old.word(0x300, 1n);
  old.view.setUint32(0x1000, 18, true);
  expect([...(bpfMaps(space, old.kernel)?.unknown ?? [])]).toEqual([18]);
});

test("values that belong to cgroups, also those of each CPU", () => {
  const own = mapMachine(19, 8, 20, 0);
  own.point(0x1020, 0x5010);
  own.point(0x5010, 0x1020);
  own.point(0x5000, 0x6000);
  expect(mapPieces(own)).toEqual([[0x6010, 0x6024]]);
  const perCpu = mapMachine(21, 8, 20, 0);
  perCpu.point(0x1020, 0x5010);
  perCpu.point(0x5010, 0x1020);
  perCpu.word(0x5000, 0x100n);
  expect(mapPieces(perCpu)).toEqual([
    [0x10100, 0x10118],
    [0x14100, 0x14118],
  ]);
});

test("before 5.9 cgroups' values had one list; types that lack any are named", () => {
  const typed = (types: object) => {
    const made = machine({ map_idr: 0x100, __cpu_possible_mask: 0x300, __per_cpu_offset: 0x200 }, {
      ...MAPS,
      "bpf_cgroup_storage.list_map": undefined,
      ...types,
    } as unknown as typeof MAPS);
    made.point(0x100, 0x1000);
    made.word(0x300, 1n);
    made.view.setUint32(0x1000, 19, true);
    made.view.setUint32(0x1008, 20, true);
    made.point(0x1020, 0x5018);
    made.point(0x5018, 0x1020);
    made.point(0x5000, 0x6000);
    return bpfMaps(space, made.kernel);
  };
  const old = typed({ "bpf_cgroup_storage.list": [24, 16] });
  expect(piecesOf(old?.list as never)).toEqual([[0x6010, 0x6024]]);
  expect([...(old?.unknown ?? [])]).toEqual([]);
  expect([...(typed({})?.unknown ?? [])]).toEqual([19]);
});

test.each([
  ["arrays", 2, "bpf_array.value"],
  ["hashes", 1, "htab_elem.key"],
  ["tries", 11, "lpm_trie_node.data"],
  ["queues", 22, "bpf_queue_stack.elements"],
  ["values of tasks", 29, "bpf_local_storage_elem.sdata.data"],
])("maps whose types are not those that are known are named: %s", (_, type, missing) => {
  const { view, kernel, word, point } = machine(
    { map_idr: 0x100, __cpu_possible_mask: 0x300, __per_cpu_offset: 0x200 },
    {
      ...MAPS,
      [missing]: undefined,
    } as unknown as typeof MAPS,
  );
  point(0x100, 0x1000);
  word(0x300, 1n);
  view.setUint32(0x1000, type, true);
  expect([...(bpfMaps(space, kernel)?.unknown ?? [])]).toEqual([type]);
});

test("a bucket that leads to itself ends, however many entries the map says it has, without keys too", () => {
  const circle = mapMachine(1, 0, 0, 0xffff_ffff);
  circle.view.setUint32(0x1024, 49, true);
  circle.point(0x1018, 0x2000);
  circle.view.setUint32(0x1020, 1, true);
  circle.point(0x2000, 0x5000);
  circle.point(0x5000, 0x5000);
  expect(mapPieces(circle)).toEqual([[0x5030, 0x5031]]);
  const sockets = mapMachine(18, 0, 8, 0xffff_ffff);
  sockets.point(0x1010, 0x2000);
  sockets.view.setUint32(0x1018, 1, true);
  sockets.point(0x2000, 0x5020);
  sockets.point(0x5020, 0x5020);
  expect(bpfMaps(space, sockets.kernel)).toMatchObject({ objects: 1, cut: false });
});

test("maps of more buckets than can be looked at are named, also if nothing is found in them", () => {
  const { kernel, view, point } = mapMachine(18, 0, 8, 0xffff_ffff);
  point(0x1010, 0x2000);
  view.setUint32(0x1018, 0xffff_ffff, true);
  const { readWord } = kernel.memory;
  let reads = 0;
  const memory = {
    ...kernel.memory,
    readWord(address: bigint) {
      reads++;
      return readWord(address) ?? 0n;
    },
  };
  expect(bpfMaps(space, { ...kernel, memory })).toMatchObject({ objects: 1, cut: true });
  expect(reads).toBeLessThan(2 ** 23);
});

test("a map of pointers stays, and one of an unknown type is named", () => {
  expect(mapPieces(mapMachine(3, 4, 4, 8))).toEqual([]);
  expect([...(bpfMaps(space, mapMachine(99, 4, 4, 8).kernel)?.unknown ?? [])]).toEqual([99]);
  expect(bpfMaps(space, machine({}, MAPS).kernel)).toBeUndefined();
});

const DEVICES = {
  "net.list": [0, 16],
  "net.dev_base_head": [16, 16],
  net_device: [0, 2400],
  "net_device.dev_list": [64, 16],
  "net_device._tx": [96, 8],
  "net_device.num_tx_queues": [104, 4],
  netdev_queue: [0, 320],
  "task_struct.files": [0, 8],
  "files_struct.fdt": [8, 8],
  "fdtable.fd": [0, 8],
  "fdtable.max_fds": [8, 4],
} as const;

test("large objects: a device and its queues in every name space, tables of files; what lies behind them is overwritten", () => {
  const { kernel, view, point } = machine({ net_namespace_list: 0x100, init_net: 0x200 }, DEVICES);
  point(0x100, 0x200);
  point(0x200, 0x100);
  const list = (head: number, node: number) => {
    point(head, node);
    point(head + 8, node);
    point(node, head);
    point(node + 8, head);
  };
  list(0x210, 0x8000 + 64);
  point(0x8000 + 96, 0xc000);
  view.setUint32(0x8000 + 104, 20, true);
  point(0x300, 0x400);
  point(0x408, 0x500);
  point(0x500, 0x10000);
  view.setUint32(0x508, 1024, true);
  // A kmalloc of 16 KiB; of the tables one page is used, and a slab is among them.
  const compound = { isTail: (pfn: number) => pfn > 8 && pfn < 12, isKernelData: (pfn: number) => pfn < 8 };
  const { pages, rest } = largeObjects(space, kernel, [at(0x300)], compound);
  expect(pages).toEqual([
    { startPfn: 8, endPfn: 9 },
    { startPfn: 12, endPfn: 14 },
    { startPfn: 16, endPfn: 18 },
  ]);
  expect(piecesOf(rest)).toEqual([
    [0x8960, 0xc000],
    [0xd900, 0xe000],
  ]);
  const inSlab = { isTail: () => false, isKernelData: () => true };
  expect(largeObjects(space, kernel, [at(0x300)], inSlab).pages).toEqual([]);
});

test("large objects: struct kvm of virtual machines stays, but for what their guests wrote there, also in a small one, which is a slab's", () => {
  const { kernel, point } = machine(
    { vm_list: 0x100 },
    { kvm: [0, 0x1800], "kvm.vm_list": [16, 16], "kvm.arch.hyperv.hv_crash_param": [0x200, 40] },
  );
  const list = (at: number, next: number) => {
    point(at, next);
    point(next + 8, at);
  };
  list(0x100, 0x8010);
  list(0x8010, 0x2010);
  list(0x2010, 0x100);
  const compound = { isTail: () => false, isKernelData: (pfn: number) => pfn < 8 };
  const { pages, rest } = largeObjects(space, kernel, [], compound);
  expect(pages).toEqual([{ startPfn: 8, endPfn: 10 }]);
  expect(piecesOf(rest)).toEqual([
    [0x2200, 0x2228],
    [0x8200, 0x8228],
    [0x9800, 0xa000],
  ]);
});

test("large objects: tasks whose tables all name the same pages end, however large the tables say they are", () => {
  const { kernel, point, word } = machine({}, { ...DEVICES, "fdtable.max_fds": [8, 8] });
  let asked = 0;
  const mapped = {
    translate: (at: bigint) => {
      asked++;
      return { paddr: Number(at & 0xfff_ffffn), length: 4096 };
    },
  };
  const tasks: bigint[] = [];
  for (let i = 0; i < 1024; i++) {
    const task = 0x4000 + i * 32;
    tasks.push(at(task));
    point(task, task + 8);
    point(task + 16, 0x1000);
  }
  point(0x1000, 0x10000);
  word(0x1008, 8n << 20n);
  const compound = { isTail: () => false, isKernelData: () => false };
  expect(largeObjects(mapped, kernel, tasks, compound).pages[0]).toEqual({ startPfn: 16, endPfn: 16400 });
  expect(asked).toBeLessThan(2 ** 22);
});
