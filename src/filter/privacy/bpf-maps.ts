import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./private-objects.js";

/** What was found in maps, and the types of maps that this program does not know. */
export interface BpfMaps extends ScrubList {
  readonly unknown: ReadonlySet<number>;
  /** There was more than can be remembered. */
  cut: boolean;
}

/** The most pieces in all maps together. */
const MAX_PIECES = 1 << 20;
/** The kernel's limits: keys and values are smaller than KMALLOC_MAX_SIZE. */
const MAX_BYTES = 1 << 30;

type Walk = "array" | "hash" | "keys" | "sockets" | "trie" | "queue" | "storage" | "cgroups" | "kernel";

/**
 * How to walk each kind of map, by its number in `enum bpf_map_type`, which programs use, so that it never changes
 * (include/uapi/linux/bpf.h). "kernel": the elements are the kernel's own: programs, maps, sockets, devices, addresses
 * of code, and keys are numbers; rings and arenas have their own pages, which are dropped. Kinds without a number here are not known.
 */
export const BPF_MAP_WALKS: ReadonlyMap<number, Walk> = new Map<number, Walk>([
  ...ofWalk("hash", 1, 5, 9, 10),
  ...ofWalk("array", 2, 6),
  ...ofWalk("trie", 11),
  ...ofWalk("queue", 22, 23),
  // Maps in maps and sockets, whose keys are texts of programs.
  ...ofWalk("keys", 13),
  ...ofWalk("sockets", 18),
  ...ofWalk("cgroups", 19, 21),
  // Of sockets, inodes, tasks and control groups.
  ...ofWalk("storage", 24, 28, 29, 32),
  // Programs, perf events, stacks, control groups, maps in maps, devices, sockets, CPUs, rings, arenas, instructions.
  ...ofWalk("kernel", 3, 4, 7, 8, 12, 14, 15, 16, 17, 20, 25, 27, 31, 33, 34),
]);

/** PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH, PERCPU_CGROUP_STORAGE: a separate value for each CPU. */
const PER_CPU = new Set([5, 6, 10, 21]);

function ofWalk(walk: Walk, ...types: number[]): [number, Walk][] {
  return types.map((type) => [type, walk]);
}

/**
 * Keys and values of BPF maps (kernel/bpf; all maps are in `map_idr`, 4.13 and later). The memory of large maps is
 * dropped anyway; small ones are in slabs, per-CPU ones in per-CPU memory. Pointers between elements are kept.
 * `undefined` if the symbols do not lead to maps or to per-CPU memory.
 */
export function bpfMaps(space: AddressSpace, kernel: KernelObjects): BpfMaps | undefined {
  const { symbols, types } = kernel;
  const none = { list: new SpanList(), objects: 0, unknown: new Set<number>(), cut: false };
  if (types.member("bpf_map", "map_type") === undefined) return none;
  const idr = symbols.address("map_idr");
  const cpus = possibleCpus(kernel);
  if (cpus === undefined) return undefined;
  if (idr === undefined) return symbols.address("init_task") === undefined ? undefined : none;
  const walk = new MapWalk(space, kernel, cpus);
  const root = readMember(kernel, "idr", idr, "idr_rt.xa_head") ?? 0n;
  for (const map of xarrayEntries(kernel, root)) walk.map(map);
  return walk;
}

class MapWalk implements BpfMaps {
  readonly list = new SpanList();
  readonly unknown = new Set<number>();
  objects = 0;
  cut = false;
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #cpus: readonly number[];

  constructor(space: AddressSpace, kernel: KernelObjects, cpus: readonly number[]) {
    this.#space = space;
    this.#kernel = kernel;
    this.#cpus = cpus;
  }

  map(map: bigint): void {
    const type = this.#number("bpf_map", map, "map_type");
    const walk = BPF_MAP_WALKS.get(type);
    if (walk === "kernel") return;
    if (walk === undefined) {
      this.unknown.add(type);
      return;
    }
    this.objects++;
    const perCpu = PER_CPU.has(type);
    const shape = {
      map,
      key: this.#number("bpf_map", map, "key_size"),
      value: this.#number("bpf_map", map, "value_size"),
      entries: this.#number("bpf_map", map, "max_entries"),
    };
    if (walk === "array") this.#array(shape, perCpu);
    else if (walk === "hash" || walk === "keys") this.#hash(shape, perCpu, walk === "keys");
    else if (walk === "sockets") {
      if (!this.#sockets(shape)) this.unknown.add(type);
    } else if (walk === "cgroups") this.#cgroups(shape, perCpu);
    else if (walk === "trie") this.#trie(shape);
    else if (walk === "queue") {
      const elements = this.#kernel.types.member("bpf_queue_stack", "elements")?.offset;
      const size = this.#number("bpf_queue_stack", map, "size");
      if (elements !== undefined) this.#erase(map + BigInt(elements), size * shape.value);
    } else this.#storage(shape);
  }

  #array({ map, entries }: MapShape, perCpu: boolean): void {
    const { types, memory } = this.#kernel;
    const size = this.#number("bpf_array", map, "elem_size");
    const values = types.member("bpf_array", perCpu ? "pptrs" : "value")?.offset;
    if (values === undefined) return;
    const at = map + BigInt(values);
    if (!perCpu) this.#erase(at, size * entries);
    for (let i = 0; perCpu && i < entries && !this.cut; i++) {
      const pointer = memory.readWord(at + BigInt(i * memory.wordSize));
      if (pointer === undefined) return;
      this.#eraseOnCpus(pointer, size);
    }
  }

  /** Preallocated elements are in one array; all others are in buckets. */
  #hash({ map, key, entries }: MapShape, perCpu: boolean, keysOnly: boolean): void {
    const { memory, types } = this.#kernel;
    const keyAt = types.member("htab_elem", "key")?.offset;
    const stride = types.sizeOf("bucket");
    const size = this.#number("bpf_htab", map, "elem_size");
    if (keyAt === undefined || stride === undefined || size <= keyAt) return;
    const valueAt = keyAt + Math.ceil(key / 8) * 8;
    const value = this.#number("bpf_map", map, "value_size");
    const element = (at: bigint) => {
      const pointer = perCpu ? memory.readWord(at + BigInt(valueAt)) : undefined;
      this.#erase(at + BigInt(keyAt), (perCpu || keysOnly ? valueAt : size) - keyAt);
      if (pointer) this.#eraseOnCpus(pointer, Math.ceil(value / 8) * 8);
    };
    const array = this.#pointer("bpf_htab", map, "elems");
    if (array !== undefined) {
      // One more per CPU, for updates.
      const count = entries + this.#cpus.length;
      for (let i = 0; i < count && !this.cut; i++) {
        const at = array + BigInt(i * size);
        if (memory.readWord(at) === undefined) return;
        element(at);
      }
      return;
    }
    const buckets = this.#pointer("bpf_htab", map, "buckets");
    const count = this.#number("bpf_htab", map, "n_buckets");
    for (let i = 0; buckets !== undefined && i < count && !this.cut; i++) {
      // hash_node is the first member; a list ends with an odd number (hlist_nulls).
      let node = memory.readWord(buckets + BigInt(i * stride));
      if (node === undefined) return;
      for (let left = entries + 1; (node & 1n) === 0n && memory.isKernelAddress(node) && left > 0; left--) {
        element(node);
        node = memory.readWord(node) ?? 1n;
      }
    }
  }

  /** Keys of sockets; false if the types are not those of 5.10 and later. */
  #sockets({ map, key, entries }: MapShape): boolean {
    const { types, memory } = this.#kernel;
    const stride = types.sizeOf("bpf_shtab_bucket");
    const head = types.member("bpf_shtab_bucket", "head")?.offset;
    const keyAt = types.member("bpf_shtab_elem", "key")?.offset;
    const node = types.member("bpf_shtab_elem", "node")?.offset;
    const buckets = this.#pointer("bpf_shtab", map, "buckets");
    if (stride === undefined || head === undefined || keyAt === undefined || node === undefined) return false;
    const count = this.#number("bpf_shtab", map, "buckets_num");
    for (let i = 0; buckets !== undefined && i < count && !this.cut; i++) {
      let next = memory.readWord(buckets + BigInt(i * stride + head));
      if (next === undefined) break;
      for (let left = entries + 1; next && memory.isKernelAddress(next) && left > 0; left--) {
        this.#erase(next + BigInt(keyAt - node), key);
        next = memory.readWord(next);
      }
    }
    return true;
  }

  /** Values that belong to cgroups to which a program is attached: all are in a list of their map. */
  #cgroups({ map, value }: MapShape, perCpu: boolean): void {
    const list = memberAddress(this.#kernel.types, "bpf_cgroup_storage_map", map, "list");
    const data = this.#kernel.types.member("bpf_storage_buffer", "data")?.offset;
    if (list === undefined || data === undefined) return;
    for (const one of walkList(this.#kernel, list, "bpf_cgroup_storage", "list_map", MAX_PIECES)) {
      if (this.cut) return;
      const buffer = readMember(this.#kernel, "bpf_cgroup_storage", one, perCpu ? "percpu_buf" : "buf");
      if (!buffer) continue;
      if (perCpu) this.#eraseOnCpus(buffer, Math.ceil(value / 8) * 8);
      else this.#erase(buffer + BigInt(data), value);
    }
  }

  #trie({ map, value, entries }: MapShape): void {
    const { types, memory } = this.#kernel;
    const data = types.member("lpm_trie_node", "data")?.offset;
    const prefix = this.#number("lpm_trie", map, "data_size");
    const waiting = [this.#pointer("lpm_trie", map, "root")];
    // There are at most as many intermediate nodes as elements.
    const seen = new Set<bigint>();
    while (waiting.length > 0 && seen.size < 2 * entries + 2 && !this.cut) {
      const node = waiting.pop();
      if (node === undefined || data === undefined || !memory.isKernelAddress(node) || seen.has(node)) continue;
      seen.add(node);
      // An intermediate node has a prefix but no value: the bytes behind it belong to another object.
      const between = (this.#number("lpm_trie_node", node, "flags") & NODE_BETWEEN) !== 0;
      this.#erase(node + BigInt(data), between ? prefix : prefix + value);
      for (const child of ["child[0]", "child[1]"]) waiting.push(this.#pointer("lpm_trie_node", node, child));
    }
  }

  /** Values that belong to sockets, inodes, tasks: each is in a bucket of its map, too. */
  #storage({ map, value }: MapShape): void {
    const { types, memory } = this.#kernel;
    const stride = types.sizeOf("bpf_local_storage_map_bucket");
    const node = types.member("bpf_local_storage_elem", "map_node")?.offset;
    const data = types.member("bpf_local_storage_elem", "sdata.data")?.offset;
    const buckets = this.#pointer("bpf_local_storage_map", map, "buckets");
    if (stride === undefined || node === undefined || data === undefined || buckets === undefined) return;
    const count = 2 ** Math.min(this.#number("bpf_local_storage_map", map, "bucket_log"), 16);
    for (let i = 0; i < count && !this.cut; i++) {
      let next = memory.readWord(buckets + BigInt(i * stride)) ?? 0n;
      const seen = new Set<bigint>();
      for (; memory.isKernelAddress(next) && next !== 0n && !seen.has(next) && !this.cut; seen.add(next)) {
        this.#erase(next - BigInt(node) + BigInt(data), value);
        next = memory.readWord(next) ?? 0n;
      }
    }
  }

  #eraseOnCpus(pointer: bigint, length: number): void {
    for (const cpu of this.#cpus) {
      const at = perCpuAddress(this.#kernel, pointer, cpu);
      if (at !== undefined) this.#erase(at, length);
    }
  }

  #erase(address: bigint, length: number): void {
    if (length <= 0) return;
    if (this.list.count >= MAX_PIECES) this.cut = true;
    else addVirtual(this.#space, address, Math.min(length, MAX_BYTES), this.list);
  }

  #number(type: string, at: bigint, path: string): number {
    return Number(readMember(this.#kernel, type, at, path) ?? 0n);
  }

  #pointer(type: string, at: bigint, path: string): bigint | undefined {
    const value = readMember(this.#kernel, type, at, path);
    return value !== undefined && value !== 0n && this.#kernel.memory.isKernelAddress(value) ? value : undefined;
  }
}

/** LPM_TREE_NODE_FLAG_IM. */
const NODE_BETWEEN = 1;

interface MapShape {
  readonly map: bigint;
  /** In bytes. */
  readonly key: number;
  readonly value: number;
  readonly entries: number;
}
