import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readInteger,
  readMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { possibleCpus } from "../../kernel/objects/per-cpu.js";
import { findBitIn } from "../../reader/bits.js";
import { SpanList } from "../erase/spans.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

/** The allocator's slots of one type of chunks, by the largest free area. */
const MAX_SLOTS = 64;
const MAX_CHUNKS = 1 << 16;
/** Words of bitmaps, and pieces on all CPUs. */
const MAX_STEPS = 1 << 22;
/** PCPU_MIN_ALLOC_SIZE: bytes of a bit. */
const UNIT = 4;
/** Smaller areas contain no word of data with what is around it. */
const MIN_AREA = 16;
/** The most pages of a chunk on one CPU. */
const MAX_PAGES = 1 << 12;

/**
 * Areas of per-CPU memory that are free (mm/percpu.c): where the kernel does not zero pages when it gives them out, they have
 * what the pages' previous owner left; else what the areas' own did. `undefined` if symbols or types do not lead to the
 * chunks.
 */
export function freePercpu(
  space: AddressSpace,
  kernel: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, symbols, types } = kernel;
  const cpus = possibleCpus(kernel);
  const lists = pointerIn(kernel, "pcpu_chunk_lists") ?? pointerIn(kernel, "pcpu_slot");
  const offsets = pointerIn(kernel, "pcpu_unit_offsets");
  const slotsAt = symbols.address("pcpu_nr_slots");
  const slots = slotsAt === undefined ? undefined : readInteger(memory, slotsAt, 4);
  // Bitmaps since 4.14.
  if (types.member("pcpu_chunk", "alloc_map") === undefined || slots === undefined || slots > MAX_SLOTS)
    return undefined;
  if (cpus === undefined || lists === undefined || offsets === undefined) return undefined;
  const units = cpus.map((cpu) => memory.readWord(offsets + BigInt(cpu * memory.wordSize)) ?? 0n);
  const erase = (from: bigint, length: number) => {
    for (let done = 0; done < length && steps.take(); ) {
      const at = from + BigInt(done);
      const n = Math.min(length - done, memory.pageSize - Number(at % BigInt(memory.pageSize)));
      const place = space.translate(at);
      if (place !== undefined) found.list.add(place.paddr, n);
      done += n;
    }
  };
  const look = (chunk: bigint) => {
    const base = readMember(kernel, "pcpu_chunk", chunk, "base_addr");
    const areas = freeAreas(kernel, chunk, steps);
    if (!base || areas === undefined) {
      kernel.incomplete?.();
      return;
    }
    for (const [from, to] of areas) {
      for (const unit of units) erase(BigInt.asUintN(memory.wordSize * 8, base + unit + BigInt(from)), to - from);
      if (!steps.cut) found.objects++;
    }
  };
  for (let slot = 0; slot < Number(slots) * chunkTypes(kernel) && !steps.cut; slot++) {
    const head = lists + BigInt(slot * 2 * memory.wordSize);
    for (const chunk of walkList(kernel, head, "pcpu_chunk", "list", MAX_CHUNKS)) {
      look(chunk);
      if (steps.cut) break;
    }
  }
  // What is kept for modules is in no list.
  const reserved = pointerIn(kernel, "pcpu_reserved_chunk");
  if (reserved !== undefined && !steps.cut) look(reserved);
  if (steps.cut) kernel.incomplete?.();
  return found;
}

/** From 5.9 to 5.13 chunks that are charged to groups have lists of their own, behind the others'. */
function chunkTypes({ types }: KernelObjects): number {
  const charged = types.enumerator("PCPU_CHUNK_MEMCG");
  return charged === undefined ? 1 : Number(charged) + 1;
}

function pointerIn({ memory, symbols }: KernelObjects, name: string): bigint | undefined {
  const at = symbols.address(name);
  const value = at === undefined ? undefined : memory.readWord(at);
  return value && memory.isKernelAddress(value) ? value : undefined;
}

/**
 * The free areas of a chunk, [from, to) in bytes from its begin on each CPU, without pages that are not there: these a
 * chunk gets when it needs them.
 */
function freeAreas(kernel: KernelObjects, chunk: bigint, steps: SearchSteps): [number, number][] | undefined {
  const { memory } = kernel;
  const map = readMember(kernel, "pcpu_chunk", chunk, "alloc_map");
  const pages = Number(readMember(kernel, "pcpu_chunk", chunk, "nr_pages") ?? 0n);
  if (!map || pages <= 0 || pages > MAX_PAGES) return undefined;
  const bytes = (pages * memory.pageSize) / UNIT / 8;
  const used = steps.take(Math.ceil(bytes / 64)) ? bitmapAt(kernel, map, bytes) : undefined;
  if (used === undefined) return undefined;
  const at = memberAddress(kernel, "pcpu_chunk", chunk, "populated");
  const length = Math.ceil(pages / memory.wordSize / 8) * memory.wordSize;
  const there = at === undefined ? new Uint8Array(length).fill(0xff) : bitmapAt(kernel, at, length);
  if (there === undefined) return undefined;
  const areas: [number, number][] = [];
  const perPage = memory.pageSize / UNIT;
  for (let page = findBitIn(there, 0, pages, true); page < pages; ) {
    const behind = findBitIn(there, page, pages, false);
    const end = behind * perPage;
    for (let from = findBitIn(used, page * perPage, end, false); from < end; ) {
      const to = findBitIn(used, from, end, true);
      if ((to - from) * UNIT >= MIN_AREA) areas.push([from * UNIT, to * UNIT]);
      from = findBitIn(used, to, end, false);
    }
    page = findBitIn(there, behind, pages, true);
  }
  return areas;
}

/** A bitmap of the kernel, which consists of words, as one of bytes. */
function bitmapAt({ memory }: KernelObjects, at: bigint, length: number): Uint8Array | undefined {
  const view = memory.readView(at, length);
  const bytes = view && new Uint8Array(view.buffer, view.byteOffset, length);
  const last = memory.wordSize - 1;
  return memory.littleEndian ? bytes : bytes?.map((_, i) => bytes[i ^ last] as number);
}
