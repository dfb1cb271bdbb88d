import type { AddressSpace } from "../../kernel/address-space.js";
import { archSupport } from "../../kernel/arch/archs.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { type CacheShape, IN_SHEAF, MAX_SLAB, type Slab, type SlabWalk } from "../../kernel/objects/slab-walk.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { MAX_SPANS, SpanList } from "../erase/spans.js";
import { type BufferCaches, bufferCaches } from "./buffer-caches.js";
import { type CipherReader, cipherReader } from "./cipher-keys.js";
import { GUEST_CACHES, type GuestGap, GuestSearch } from "./guest-registers.js";
import { journalCopies } from "./journal-copies.js";
import { type MemoryPool, type PoolReader, poolReader } from "./memory-pools.js";
import type { QueueRoots } from "./queued-messages.js";
import { type RegisterFrame, userRegisters } from "./register-frame.js";
import type { Scrubbed, ScrubList } from "./scrubbed.js";
import { SlabFiles } from "./slab-files.js";
import { PaddingList } from "./slab-padding.js";
import { SlabSockets } from "./slab-sockets.js";
import {
  type Hole,
  holesOf,
  isMerged,
  typeOfObjects,
  unwrittenHeads,
  unwrittenVectors,
  waitingHeads,
} from "./type-holes.js";
import { type EntryNames, entryNames } from "./unwritten-names.js";
import { vectorRegisters } from "./vector-registers.js";
import { zeroesOnAllocation } from "./zeroed-memory.js";

/** The most namespaces and POSIX queues. */
const MAX_ROOTS = 1 << 16;
/** S_IFREG, in the upper four bits of a file's mode. */
const REGULAR = 8;
/** The most bytes of an object whose content is read. */
const MAX_OBJECT = 1 << 16;

type SlabLook = (slab: Slab) => void;

/** What is looked for in the slabs of a cache. */
interface CacheSearch {
  /** Bytes of each object that no member of its type covers. */
  readonly holes: readonly Hole[];
  readonly looks: readonly SlabLook[];
}

/** Looks at slabs one by one, and remembers what must be overwritten. */
export class Collector implements QueueRoots {
  readonly found = new Map<Scrubbed, ScrubList>();
  readonly namespaces = new Set<bigint>();
  readonly trees = new Set<bigint>();
  /** Stacks of tasks, also of those that are in no list: of other CPUs' idle ones, and those that are being made. */
  readonly stacks = new Set<bigint>();
  readonly cpuLists: boolean;
  readonly sheaves: SlabWalk["sheaves"];
  readonly caches: SlabWalk["caches"];
  readonly sockets: SlabSockets;
  /** Where names of files begin that have memory of their own. */
  readonly longNames: number[] = [];
  /** Objects in reserve, some thousand in all. */
  readonly pools: MemoryPool[] = [];
  /** There are pools, or objects of theirs, that were passed over. */
  poolsCut = false;
  readonly files: SlabFiles;
  readonly padding = new PaddingList();
  doubtful = 0;
  keysFound = false;
  readonly missing: string[];
  readonly guests = new Set<GuestGap>();
  cut = false;
  #spans = 0;
  #room = new Uint8Array(1 << 15);
  readonly #dump: Dump;
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #registers: { readonly frame: RegisterFrame | undefined } | undefined;
  readonly guest: GuestSearch;
  readonly #names: EntryNames | undefined;
  readonly #bufferCaches: BufferCaches;
  readonly #guarded: SlabWalk["guarded"];
  readonly ciphers: CipherReader | undefined;
  readonly #pools: PoolReader | undefined;
  readonly #fileCache: bigint | undefined;
  /** Whether the kernel zeroes allocated memory: then unwritten bytes contain no old data. */
  readonly #zeroed: boolean;
  readonly #searches = new Map<CacheShape, CacheSearch>();

  constructor(
    dump: Dump,
    space: AddressSpace,
    kernel: KernelObjects,
    registers: { readonly frame: RegisterFrame | undefined } | undefined,
    { cpuLists, sheaves, caches, guarded }: Omit<SlabWalk, "each">,
  ) {
    this.cpuLists = cpuLists;
    this.sheaves = sheaves;
    this.caches = caches;
    this.#dump = dump;
    this.#space = space;
    this.#kernel = kernel;
    this.#registers = registers;
    this.guest = new GuestSearch(kernel, registers !== undefined, this.guests);
    this.#names = entryNames(space, kernel);
    this.ciphers = cipherReader(space, kernel);
    this.#bufferCaches = bufferCaches(kernel, caches.values());
    this.#pools = poolReader(kernel, () => {
      this.poolsCut = true;
    });
    this.files = new SlabFiles(dump, kernel, cpuLists);
    const files = kernel.symbols.address("filp_cachep");
    this.#fileCache = files === undefined ? undefined : kernel.memory.readWord(files);
    this.pools.push(...(this.#pools?.ofVariables ?? []));
    this.#guarded = guarded;
    this.missing = [
      ...this.#bufferCaches.missing,
      ...(this.ciphers === undefined ? ["keys in ciphers: the dump does not say where they are"] : []),
      ...(this.#pools?.missing ?? ["objects that pools have in reserve: nothing says which those are"]),
      ...(guarded === undefined ? ["freed objects in KFENCE's pool, if that is on: nothing says where it is"] : []),
    ];
    this.#zeroed = zeroesOnAllocation(kernel) === true;
    this.sockets = new SlabSockets(dump, space, kernel, caches);
    if (this.#names === undefined) kernel.incomplete?.();
  }

  /** Adds all of KFENCE's pool but the objects in use. */
  guarded(): void {
    const pool = this.#guarded;
    if (pool === undefined || pool === "none") return;
    const { pageSize } = this.#dump;
    for (let pfn = pool.startPfn; pfn < pool.endPfn; pfn++) {
      const { start, length } = pool.used.get(pfn) ?? { start: (pfn + 1) * pageSize, length: 0 };
      this.add("free-objects", pfn * pageSize, start - pfn * pageSize, 0);
      this.add("free-objects", start + length, (pfn + 1) * pageSize - start - length, 0);
    }
    if (pool.freed > 0) this.add("free-objects", pool.startPfn * pageSize, 1, pool.freed);
  }

  add(kind: Scrubbed, start: number, length: number, objects = 1): void {
    if (length <= 0) return;
    if (this.#spans >= MAX_SPANS) {
      this.cut = true;
      return;
    }
    let into = this.found.get(kind);
    if (into === undefined) {
      into = { list: new SpanList(), objects: 0 };
      this.found.set(kind, into);
    }
    this.#spans++;
    into.list.add(start, length);
    into.objects += objects;
  }

  look(slab: Slab): void {
    if (slab.free === undefined) this.doubtful++;
    const { holes, looks } = this.#searchOf(slab.cache);
    this.padding.add(slab, holes);
    this.#freed(slab);
    for (const look of looks) look(slab);
  }

  /** A cache has many slabs: what is looked for in them is decided once. */
  #searchOf(cache: CacheShape): CacheSearch {
    let search = this.#searches.get(cache);
    if (search === undefined) {
      const looks = [this.#contentOf(cache), this.#registersOf(cache), this.#headsOf(cache)].filter(
        (look) => look !== undefined,
      );
      search = { holes: this.#holesOf(cache), looks };
      this.#searches.set(cache, search);
    }
    return search;
  }

  #freed({ cache, start, count, free }: Slab): void {
    const { objectSize, stride } = cache;
    const { offset, wordSize } = cache.freelist;
    const someFree = free !== undefined && (free.includes(1) || free.includes(IN_SHEAF));
    for (let i = 0; someFree && i < count; i++) {
      if (free[i] === 0) continue;
      const at = start + i * stride;
      if (free[i] === IN_SHEAF) {
        // The object is on no list: in the place of the link, perhaps behind the object, there is old data.
        this.add("free-objects", at, Math.max(objectSize, offset + wordSize));
        continue;
      }
      // Everything but the link to the next one, which crash follows.
      const before = Math.min(offset, objectSize);
      this.add("free-objects", at, before);
      this.add("free-objects", at + offset + wordSize, objectSize - offset - wordSize, before > 0 ? 0 : 1);
    }
  }

  /** What is looked for in objects in use of a cache. */
  #contentOf(cache: CacheShape): SlabLook | undefined {
    const { address, name, objectSize } = cache;
    const isOwn = () => !isMerged(this.#kernel, address);
    const kind = this.#bufferCaches.kindOf(cache);
    if (kind !== undefined) {
      return (slab) => {
        if (kind === "path-names") this.#longNames(slab);
        this.#everyUsed(slab, (at) => this.add(kind, at, objectSize));
      };
    }
    if (this.sockets.has(cache)) return (slab) => this.sockets.look(slab);
    if (name.startsWith("kmalloc-")) return (slab) => this.#allocations(slab);
    if (name === "dentry" && isOwn()) return (slab) => this.#entries(slab);
    if (name.startsWith("biovec-") && isOwn()) return (slab) => this.#vectors(slab);
    if (address === this.#bufferCaches.journal?.cache) return (slab) => this.#journal(slab);
    if (name === "task_struct") return (slab) => this.#namespaces(slab);
    if (name === "filp" || address === this.#fileCache) return (slab) => this.files.look(slab);
    if (name === "mqueue_inode_cache") return (slab) => this.#postQueues(slab);
    if (name === "kvm_vcpu") return (slab) => this.#guests(slab);
    return undefined;
  }

  /** If registers were asked for: where objects in use of a cache have them. */
  #registersOf({ name, objectSize }: CacheShape): SlabLook | undefined {
    if (this.#registers === undefined) return undefined;
    const guest = GUEST_CACHES.get(name);
    if (guest !== undefined) return (slab) => this.#everyUsed(slab, (at) => this.add(guest, at, objectSize));
    if (name === "task_struct") {
      const { types } = this.#kernel;
      const pieces = vectorRegisters(types, objectSize, archSupport(this.#dump.machine.arch)?.vectorRegisters);
      return (slab) => this.#everyUsed(slab, (at) => this.#addPieces("vector-registers", at, pieces));
    }
    const { frame } = this.#registers;
    if (name !== "thread_stack" || frame === undefined) return undefined;
    return (slab) =>
      this.#everyUsed(slab, (at) => {
        const stack = this.#read(at, objectSize);
        if (stack !== undefined) this.#addPieces("registers", at, userRegisters(stack, frame));
      });
  }

  /** Adds pieces of the object at `at`, which count as one. */
  #addPieces(kind: Scrubbed, at: number, pieces: readonly Hole[]): void {
    pieces.forEach(([from, to], n) => {
      this.add(kind, at + from, to - from, n === 0 ? 1 : 0);
    });
  }

  /** Registers of virtual machines' processors: of those of others than this kernel's programs, if they were asked for. */
  #guests(slab: Slab): void {
    this.guest.begin();
    this.#everyUsed(slab, (at) => {
      for (const [from, to] of this.guest.look(this.#read(at, slab.cache.objectSize)))
        this.add("registers", at + from, to - from);
    });
  }

  /** Bytes that no member of the objects' type covers, if they may contain anything. */
  #holesOf(cache: CacheShape): readonly Hole[] {
    const type = this.#zeroed ? undefined : typeOfObjects(this.#kernel, cache);
    return type === undefined ? [] : holesOf(this.#kernel.types, type, cache.objectSize, cache.freelist);
  }

  /** If the kernel does not zero what it gives out: what objects in use have where they will wait to be freed. */
  #headsOf(cache: CacheShape): SlabLook | undefined {
    const kernel = this.#kernel;
    const type = this.#zeroed ? undefined : typeOfObjects(kernel, cache);
    const heads = type === undefined ? [] : waitingHeads(kernel.types, type, cache.objectSize);
    if (heads.length === 0) return undefined;
    return (slab) => {
      const bytes = slab.free === undefined ? undefined : this.#objectsOf(slab);
      this.#pieces(slab, bytes, "unwritten", (view, offset) => unwrittenHeads(kernel, heads, view, offset));
    };
  }

  /** Adds pieces of objects in use that `find` sees in their content: of the object `offset` bytes from the first on. */
  #pieces(
    slab: Slab,
    bytes: DataView | undefined,
    kind: Scrubbed,
    find: (bytes: DataView, offset: number) => readonly Hole[],
  ): void {
    if (bytes === undefined) return;
    this.#everyUsed(slab, (at) => this.#addPieces(kind, at, find(bytes, at - slab.start)));
  }

  /** Unwritten entries in tables of pieces. */
  #vectors(slab: Slab): void {
    if (this.#zeroed || slab.free === undefined) return;
    const { objectSize } = slab.cache;
    this.#pieces(slab, this.#objectsOf(slab), "unwritten", (bytes, offset) =>
      unwrittenVectors(this.#kernel, bytes, offset, objectSize),
    );
  }

  /** Keys in the contexts of ciphers, and pools, whose structs are parts of objects. */
  #allocations(slab: Slab): void {
    const { free, cache } = slab;
    // A freed pool leads to what may be somebody else's.
    const isKnown = free !== undefined && this.cpuLists;
    const [ciphers, pools] = [this.ciphers, isKnown ? this.#pools : undefined];
    if (!this.cpuLists && this.#pools !== undefined) this.poolsCut = true;
    if (ciphers === undefined && pools === undefined) return;
    const bytes = this.#objectsOf(slab);
    if (bytes === undefined) return;
    if (ciphers !== undefined)
      this.#pieces(slab, bytes, "keys", (view, offset) => ciphers.context(view, offset, cache.objectSize));
    for (const pool of pools?.poolsIn(bytes, (at) => free?.[Math.floor(at / cache.stride)] === 0) ?? []) {
      if (this.pools.length < MAX_ROOTS) this.pools.push(pool);
      else this.poolsCut = true;
    }
  }

  /** Adds the unwritten bytes of the room for short names in directory entries. */
  #entries(slab: Slab): void {
    const names = this.#names;
    const bytes = names === undefined || slab.free === undefined ? undefined : this.#objectsOf(slab);
    if (names === undefined || bytes === undefined) return;
    this.#everyUsed(slab, (at) => {
      const from = names.unwritten(bytes, at - slab.start, at);
      this.add("unwritten", at + from, names.end - from);
    });
  }

  /** Names that do not fit into struct filename, of which the cache consists since 7.0: they are in `kmalloc` memory. */
  #longNames(slab: Slab): void {
    const size = this.#kernel.types.sizeOf("filename") ?? 0;
    if (size === 0 || slab.cache.objectSize >= 2 * size) return;
    this.#everyUsed(slab, (at) => {
      const name = this.#pointer("filename", "name", at);
      const place = name === undefined ? undefined : this.#space.translate(name)?.paddr;
      if (place === undefined || (place >= at && place < at + size)) return;
      if (this.longNames.length < MAX_ROOTS) this.longNames.push(place);
      else this.cut = true;
    });
  }

  /** Collects the copies of blocks that journals have. */
  #journal(slab: Slab): void {
    const { journal } = this.#bufferCaches;
    this.#everyUsed(slab, (at) => {
      const places =
        journal === undefined
          ? []
          : journalCopies(this.#space, journal.kernel, this.#read(at, slab.cache.objectSize), at);
      for (const { start, length } of places) this.add("driver-buffers", start, length);
    });
  }

  /** Collects the stacks and the IPC namespaces of tasks. */
  #namespaces(slab: Slab): void {
    this.#everyUsed(slab, (at) => {
      this.stacks.add(this.#pointer("task_struct", "stack", at) ?? 0n);
      const proxy = this.#pointer("task_struct", "nsproxy", at);
      if (proxy) this.#addRoot(this.namespaces, readMember(this.#kernel, "nsproxy", proxy, "ipc_ns"));
    });
  }

  /** Queues: in inodes of directories the kernel does not set the tree, so that it may be anything. */
  #postQueues(slab: Slab): void {
    const mode = this.#kernel.types.member("mqueue_inode_info", "vfs_inode.i_mode");
    this.#everyUsed(slab, (at) => {
      const bits = mode && this.#read(at + mode.offset, 2)?.getUint16(0, this.#kernel.memory.littleEndian);
      if (bits !== undefined && bits >> 12 !== REGULAR) return;
      this.#addRoot(this.trees, this.#pointer("mqueue_inode_info", "msg_tree.rb_node", at));
    });
  }

  #addRoot(roots: Set<bigint>, root: bigint | undefined): void {
    if (root && roots.size < MAX_ROOTS) roots.add(root);
    else if (root && !roots.has(root)) this.cut = true;
  }

  /** A pointer to kernel memory in an object at a physical address. */
  #pointer(type: string, path: string, at: number): bigint | undefined {
    const { memory, types } = this.#kernel;
    const member = types.member(type, path);
    const view = member === undefined ? undefined : this.#read(at + member.offset, memory.wordSize);
    if (view === undefined) return undefined;
    const value = wordAt(view, 0, memory.wordSize, memory.littleEndian);
    return memory.isKernelAddress(value) ? value : undefined;
  }

  /** Calls `use` for objects that are not certainly free. */
  #everyUsed({ cache, start, count, free }: Slab, use: (at: number) => void): void {
    for (let i = 0; i < count; i++) if (!free?.[i]) use(start + i * cache.stride);
  }

  /** All objects of a slab; valid until the next call. */
  #objectsOf({ cache, start, count }: Slab): DataView | undefined {
    const length = count * cache.stride;
    if (length > MAX_SLAB) return undefined;
    if (this.#room.length < length) this.#room = new Uint8Array(length);
    const bytes = this.#room.subarray(0, length);
    return this.#dump.memory.read(bytes, start) === length ? new DataView(bytes.buffer, 0, length) : undefined;
  }

  #read(at: number, length: number): DataView | undefined {
    if (length > MAX_OBJECT) return undefined;
    const bytes = new Uint8Array(length);
    return this.#dump.memory.read(bytes, at) === length ? new DataView(bytes.buffer) : undefined;
  }
}
