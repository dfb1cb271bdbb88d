import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

/** What was found in maps, and the types of maps that this program does not know. */
export interface BpfMaps extends ScrubList {
  readonly unknown: ReadonlySet<number>;
  /** There was more than can be remembered, or looked at. */
  readonly cut: boolean;
}

/** The most pieces in all maps together. */
const MAX_PIECES = 1 << 20;
/** Buckets, elements and pages of values in all maps together: maps without keys have no pieces, and lists may be circles. */
const MAX_STEPS = 1 << 22;
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
  readonly #steps = new SearchSteps(MAX_STEPS);
  #full = false;
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #cpus: readonly number[];

  constructor(space: AddressSpace, kernel: KernelObjects, cpus: readonly number[]) {
    this.#space = space;
    this.#kernel = kernel;
    this.#cpus = cpus;
  }

  get cut(): boolean {
    return this.#full || this.#steps.cut;
  }

  map(map: bigint): void {
    if (!this.#goesOn()) return;
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
    if (!this.#walk(walk, shape, perCpu)) this.unknown.add(type);
  }

  /** False if the kernel's types are not the ones that are known. */
  #walk(walk: Exclude<Walk, "kernel">, shape: MapShape, perCpu: boolean): boolean {
    switch (walk) {
      case "array":
        return this.#array(shape, perCpu);
      case "hash":
      case "keys":
        return this.#hash(shape, perCpu, walk === "keys");
      case "sockets":
        return this.#sockets(shape);
      case "cgroups":
        return this.#cgroups(shape, perCpu);
      case "trie":
        return this.#trie(shape);
      case "queue":
        return this.#queue(shape);
      case "storage":
        return this.#storage(shape);
    }
  }

  #array({ map, entries }: MapShape, perCpu: boolean): boolean {
    const { types, memory } = this.#kernel;
    const size = this.#number("bpf_array", map, "elem_size");
    const values = types.member("bpf_array", perCpu ? "pptrs" : "value")?.offset;
    if (values === undefined) return false;
    const at = map + BigInt(values);
    if (!perCpu) this.#erase(at, size * entries);
    for (let i = 0; perCpu && i < entries && this.#goesOn(); i++) {
      const pointer = memory.readWord(at + BigInt(i * memory.wordSize));
      if (pointer === undefined) break;
      this.#eraseOnCpus(pointer, size);
    }
    return true;
  }

  /** Preallocated elements are in one array; all others are in buckets. */
  #hash({ map, key, entries }: MapShape, perCpu: boolean, keysOnly: boolean): boolean {
    const { memory, types } = this.#kernel;
    const keyAt = types.member("htab_elem", "key")?.offset;
    const stride = types.sizeOf("bucket");
    const size = this.#number("bpf_htab", map, "elem_size");
    if (keyAt === undefined || stride === undefined || size <= keyAt) return false;
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
      for (let i = 0; i < count && this.#goesOn(); i++) {
        const at = array + BigInt(i * size);
        if (memory.readWord(at) === undefined) break;
        element(at);
      }
      return true;
    }
    const buckets = this.#pointer("bpf_htab", map, "buckets");
    const count = this.#number("bpf_htab", map, "n_buckets");
    for (let i = 0; buckets !== undefined && i < count && this.#goesOn(); i++) {
      // hash_node is the first member; a list ends with an odd number (hlist_nulls).
      const first = memory.readWord(buckets + BigInt(i * stride));
      if (first === undefined) break;
      for (const node of this.#bucket(first)) element(node);
    }
    return true;
  }

  /** Keys of sockets; false if the types are not those of 5.10 and later. */
  #sockets({ map, key }: MapShape): boolean {
    const { types, memory } = this.#kernel;
    const stride = types.sizeOf("bpf_shtab_bucket");
    const head = types.member("bpf_shtab_bucket", "head")?.offset;
    const keyAt = types.member("bpf_shtab_elem", "key")?.offset;
    const node = types.member("bpf_shtab_elem", "node")?.offset;
    const buckets = this.#pointer("bpf_shtab", map, "buckets");
    if (stride === undefined || head === undefined || keyAt === undefined || node === undefined) return false;
    const count = this.#number("bpf_shtab", map, "buckets_num");
    for (let i = 0; buckets !== undefined && i < count && this.#goesOn(); i++) {
      const first = memory.readWord(buckets + BigInt(i * stride + head));
      if (first === undefined) break;
      for (const next of this.#bucket(first)) this.#erase(next + BigInt(keyAt - node), key);
    }
    return true;
  }

  /** Values that belong to cgroups to which a program is attached: all are in a list of their map. */
  #cgroups({ map, value }: MapShape, perCpu: boolean): boolean {
    const { types } = this.#kernel;
    // 5.9 added a second list.
    const path = ["list_map", "list"].find((name) => types.member("bpf_cgroup_storage", name) !== undefined);
    const list = memberAddress(this.#kernel, "bpf_cgroup_storage_map", map, "list");
    const own = types.member("bpf_cgroup_storage", perCpu ? "percpu_buf" : "buf");
    const data = types.member("bpf_storage_buffer", "data")?.offset;
    if (path === undefined || list === undefined || own === undefined || data === undefined) return false;
    for (const one of walkList(this.#kernel, list, "bpf_cgroup_storage", path, MAX_STEPS)) {
      if (!this.#goesOn()) break;
      const buffer = readMember(this.#kernel, "bpf_cgroup_storage", one, perCpu ? "percpu_buf" : "buf");
      if (!buffer) continue;
      if (perCpu) this.#eraseOnCpus(buffer, Math.ceil(value / 8) * 8);
      else this.#erase(buffer + BigInt(data), value);
    }
    return true;
  }

  #trie({ map, value, entries }: MapShape): boolean {
    const { types, memory } = this.#kernel;
    const data = types.member("lpm_trie_node", "data")?.offset;
    if (data === undefined) return false;
    const prefix = this.#number("lpm_trie", map, "data_size");
    const waiting = [this.#pointer("lpm_trie", map, "root")];
    // There are at most as many intermediate nodes as elements.
    const seen = new Set<bigint>();
    while (waiting.length > 0 && seen.size < 2 * entries + 2 && this.#goesOn()) {
      const node = waiting.pop();
      if (node === undefined || !memory.isKernelAddress(node) || seen.has(node)) continue;
      seen.add(node);
      // An intermediate node has a prefix but no value: the bytes behind it belong to another object.
      const between = (this.#number("lpm_trie_node", node, "flags") & NODE_BETWEEN) !== 0;
      this.#erase(node + BigInt(data), between ? prefix : prefix + value);
      for (const child of ["child[0]", "child[1]"]) waiting.push(this.#pointer("lpm_trie_node", node, child));
    }
    return true;
  }

  #queue({ map, value }: MapShape): boolean {
    const elements = this.#kernel.types.member("bpf_queue_stack", "elements")?.offset;
    if (elements === undefined) return false;
    this.#erase(map + BigInt(elements), this.#number("bpf_queue_stack", map, "size") * value);
    return true;
  }

  /** Values that belong to sockets, inodes, tasks: each is in a bucket of its map, too. */
  #storage({ map, value }: MapShape): boolean {
    const { types, memory } = this.#kernel;
    const stride = types.sizeOf("bpf_local_storage_map_bucket");
    const node = types.member("bpf_local_storage_elem", "map_node")?.offset;
    const data = types.member("bpf_local_storage_elem", "sdata.data")?.offset;
    const buckets = this.#pointer("bpf_local_storage_map", map, "buckets");
    if (stride === undefined || node === undefined || data === undefined) return false;
    if (buckets === undefined) return true;
    const count = 2 ** Math.min(this.#number("bpf_local_storage_map", map, "bucket_log"), 16);
    for (let i = 0; i < count && this.#goesOn(); i++) {
      const first = memory.readWord(buckets + BigInt(i * stride)) ?? 0n;
      for (const next of this.#bucket(first)) this.#erase(next - BigInt(node) + BigInt(data), value);
    }
    return true;
  }

  /** The nodes of a bucket's list, to its end or an odd number; where it leads in a circle, some more than once. */
  *#bucket(first: bigint): Generator<bigint> {
    const { memory } = this.#kernel;
    let node = first;
    // Brent's algorithm: the marker moves to the current node at every power of two.
    let marker = 0n;
    for (let count = 0, power = 1; node !== 0n && (node & 1n) === 0n && node !== marker; count++) {
      if (!memory.isKernelAddress(node) || !this.#goesOn()) return;
      if (count === power) [marker, power] = [node, power * 2];
      yield node;
      node = memory.readWord(node) ?? 0n;
    }
  }

  #eraseOnCpus(pointer: bigint, length: number): void {
    for (const cpu of this.#cpus) {
      if (!this.#goesOn()) return;
      const at = perCpuAddress(this.#kernel, pointer, cpu);
      if (at !== undefined) this.#erase(at, length);
    }
  }

  #erase(address: bigint, length: number): void {
    if (length <= 0) return;
    const bytes = Math.min(length, MAX_BYTES);
    if (this.list.count >= MAX_PIECES) this.#full = true;
    else if (this.#steps.take(Math.floor(bytes / this.#kernel.memory.pageSize))) {
      addVirtual(this.#space, address, bytes, this.list);
    }
  }

  /** Takes a step; false if there was too much. */
  #goesOn(): boolean {
    return !this.#full && this.#steps.take();
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
