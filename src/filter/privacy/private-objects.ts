import type { AddressSpace } from "../../kernel/address-space.js";
import { archSupport } from "../../kernel/arch/archs.js";
import type { KernelView } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { type Slab, type SlabWalk, slabWalk } from "../../kernel/objects/slab-walk.js";
import { allTasks } from "../../kernel/objects/tasks.js";
import type { Dump } from "../../reader/dump.js";
import { type Allocation, type AllocationCheck, allocationsInSlab } from "./allocations.js";
import { fileTableEnds } from "./file-tables.js";
import type { GuestGap } from "./guest-registers.js";
import { reservedObjects } from "./memory-pools.js";
import type { OpenFile } from "./open-files.js";
import { queuedMessages } from "./queued-messages.js";
import type { RegisterFrame } from "./register-frame.js";
import type { Scrubbed, ScrubList } from "./scrubbed.js";
import { Collector } from "./slab-collector.js";
import type { PaddingList } from "./slab-padding.js";
import {
  allocatedInSlab,
  type BufferPiece,
  dataInSlab,
  objectsInSlab,
  physicalData,
  restInSlab,
} from "./socket-buffers.js";
import { vectorsApart, vectorsInSlab, vectorsOnStacks } from "./vector-registers.js";
import { guessing, someOf } from "./watched-kernel.js";
import { sortedPlaces, wholeObjects } from "./whole-objects.js";

/** What was found in slabs. */
export interface PrivateObjects {
  readonly found: ReadonlyMap<Scrubbed, ScrubList>;
  /** Bytes in slabs outside of objects. */
  readonly padding: PaddingList;
  /** Slabs whose free lists could not be followed. */
  readonly doubtful: number;
  /** Whether the lists of free objects of CPUs were found; otherwise these objects count as in use. */
  readonly cpuLists: boolean;
  readonly sheaves: SlabWalk["sheaves"];
  readonly caches: SlabWalk["caches"];
  /** Whether the keys of keyrings were found. */
  readonly keysFound: boolean;
  /** Files that are open, wherever the kernel has them. */
  readonly files: Iterable<OpenFile>;
  /** Walks through the slabs again. */
  readonly allocations: AllocationCheck;
  /** Stacks of the tasks that are in slabs. */
  readonly stacks: ReadonlySet<bigint>;
  /** What may exist but was not found, in the words of `remains`. */
  readonly missing: readonly string[];
  /** What of the registers of virtual machines' processors (KVM) stays. */
  readonly guests: ReadonlySet<GuestGap>;
  /** There was more than can be remembered. */
  readonly cut: boolean;
}

/** The most ends of messages. */
const MAX_ENDS = 1 << 20;

/**
 * Searches the slabs of a kernel whose types and symbols are known; twice if there are socket buffers: first for
 * objects that are recognised by themselves, then for those to which they point. `frame`: also overwrite users'
 * registers. `observe` is called for each slab. `undefined` if the slab allocator is not SLUB, or its caches are not
 * found.
 */
export function privateObjects(
  dump: Dump,
  view: KernelView,
  space: AddressSpace,
  kernel: KernelObjects,
  registers: { readonly frame: RegisterFrame | undefined } | undefined,
  observe?: (slab: Slab) => void,
): PrivateObjects | undefined {
  // The walk reports by itself which caches it could not read.
  const walk = slabWalk(dump, view, space, guessing(kernel));
  if (walk === undefined) return undefined;
  const run = new Collector(dump, space, kernel, registers, walk);
  run.guarded();
  run.doubtful += walk.each((slab) => {
    run.look(slab);
    observe?.(slab);
  });
  const ends: number[] = [];
  const all = queuedMessages(space, kernel, run, (start, length, first) => {
    run.add("messages", start, length, first ? 1 : 0);
    if (ends.length < MAX_ENDS) ends.push(start + length);
    else run.cut = true;
  });
  if (!all) run.cut = true;
  const reserve: BufferPiece[] = [];
  const reserved = reservedObjects(space, kernel, run.pools, (start, length) => reserve.push({ start, length }));
  reserve.sort((a, b) => a.start - b.start);
  if (!reserved || run.poolsCut) run.missing.push(someOf("objects that pools have in reserve"));
  if (run.files.cut || run.sockets.cut) run.cut = true;
  if (run.files.unknown) run.missing.push("texts for readers of files that no table has: nothing says which are open");
  ends.sort((a, b) => a - b);
  const wanted = run.sockets.buffers.sort((a, b) => a.start - b.start);
  const whole = wholeObjects(space, kernel);
  const { buffers } = whole;
  const keys = [...(whole.keys ?? []), ...(run.ciphers?.tables ?? [])].sort((a, b) => a - b);
  const names = run.longNames.sort((a, b) => a - b);
  const begins = new Set(names);
  run.keysFound = whole.keys !== undefined;
  for (const paddr of whole.words) run.add("keys", paddr, kernel.memory.wordSize, 0);
  run.missing.push(...whole.missing);
  const tasks = [...allTasks(dump, view, kernel)];
  const rooms = fileTableEnds(space, kernel, tasks, (start, length) => run.add("unwritten", start, length));
  const support = registers === undefined ? undefined : archSupport(dump.machine.arch)?.vectorRegisters;
  for (const { address, length } of vectorsOnStacks(kernel, tasks, support)) {
    const place = physicalData(space, address, length);
    if (place !== undefined) run.add("vector-registers", place.start, length);
  }
  const vectors = sortedPlaces(space, [...vectorsApart(kernel, tasks, support), ...run.guest.apart]);
  const pieces = [...wanted, ...reserve].map(({ start }) => start);
  const places = [...ends, ...rooms, ...keys, ...buffers, ...names, ...vectors, ...pieces];
  if (places.length > 0) {
    walk.each(
      (slab) => {
        for (const { start, length } of allocatedInSlab(slab, reserve)) run.add("unwritten", start, length);
        for (const { start, length } of restInSlab(slab, rooms)) run.add("unwritten", start, length);
        for (const { start, length } of restInSlab(slab, ends)) run.add("messages", start, length, 0);
        for (const { start, length } of objectsInSlab(slab, keys)) run.add("keys", start, length);
        for (const { start, length } of vectorsInSlab(kernel, slab, vectors))
          run.add("vector-registers", start, length);
        for (const { start, length } of objectsInSlab(slab, names))
          if (begins.has(start)) run.add("path-names", start, length);
        for (const { start, length } of objectsInSlab(slab, buffers)) run.add("driver-buffers", start, length);
        for (const { data, rest } of dataInSlab(slab, wanted)) {
          run.add("socket-buffers", data.start, data.length);
          if (rest !== undefined) run.add("unwritten", rest.start, rest.length);
        }
      },
      places.sort((a, b) => a - b),
    );
  }
  const { found, padding, doubtful, cpuLists, sheaves, caches, keysFound, files, missing, guests, cut, stacks } = run;
  const own = { allocations: checkBy(walk), stacks };
  return { found, padding, doubtful, cpuLists, sheaves, caches, keysFound, files, missing, guests, cut, ...own };
}

function checkBy(walk: SlabWalk): AllocationCheck {
  return (wanted) => {
    const sorted = [...wanted].sort((a, b) => a.start - b.start);
    const held = new Set<Allocation>();
    walk.each(
      (slab) => {
        for (const one of allocationsInSlab(slab, sorted)) held.add(one);
      },
      sorted.map(({ start }) => start),
    );
    return held;
  };
}
