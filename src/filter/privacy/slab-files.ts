import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Slab } from "../../kernel/objects/slab-walk.js";
import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import type { OpenFile } from "./open-files.js";

/** The most files that are open: 64 MiB of their pointers. */
const MAX_FILES = 1 << 22;
/** The most bytes of a `struct file`. */
const MAX_SIZE = 1 << 12;
const FIRST_ROOM = 1 << 8;

/**
 * Open files in slabs. A closed one waits for its readers (RCU) with all its pointers, and what they point to may be
 * somebody else's: so only files that somebody holds are taken, from slabs whose free objects are known. Where the
 * kernel merged their cache there are also objects that are no files, which their operations and data show.
 */
export class SlabFiles implements Iterable<OpenFile> {
  /** Some were not taken, because it is not known which are open. */
  unknown = false;
  /** There were more than can be remembered. */
  cut = false;
  readonly #dump: Dump;
  readonly #kernel: KernelObjects;
  readonly #cpuLists: boolean;
  readonly #places: FilePlaces | undefined;
  /** Of each file, its operations and its own data. */
  #words = new BigUint64Array(2 * FIRST_ROOM);
  #count = 0;

  /** `cpuLists`: whether it is known which objects CPUs have on lists of their own; these are free. */
  constructor(dump: Dump, kernel: KernelObjects, cpuLists: boolean) {
    this.#dump = dump;
    this.#kernel = kernel;
    this.#cpuLists = cpuLists;
    this.#places = filePlaces(kernel);
  }

  *[Symbol.iterator](): Iterator<OpenFile> {
    for (let i = 0; i < this.#count; i++)
      yield { operations: this.#words[2 * i] as bigint, own: this.#words[2 * i + 1] as bigint };
  }

  look({ start, count, cache, free }: Slab): void {
    const places = this.#places;
    if (free === undefined || !this.#cpuLists || places === undefined) {
      this.unknown = true;
      return;
    }
    const { isKernelAddress, littleEndian, wordSize } = this.#kernel.memory;
    const bytes = new Uint8Array(places.length);
    const view = new DataView(bytes.buffer);
    const word = (offset: number) => wordAt(view, offset, wordSize, littleEndian);
    for (let i = 0; i < count; i++) {
      if (free[i] !== 0) continue;
      if (this.#dump.memory.read(bytes, start + i * cache.stride) !== bytes.length) {
        this.unknown = true;
        continue;
      }
      const [operations, own] = [word(places.operations), word(places.own)];
      if (!places.isHeld(word(places.users)) || !isKernelAddress(operations) || !isKernelAddress(own)) continue;
      this.#add(operations, own);
    }
  }

  #add(operations: bigint, own: bigint): void {
    if (this.#count >= MAX_FILES) {
      this.cut = true;
      return;
    }
    if (2 * this.#count === this.#words.length) {
      const larger = new BigUint64Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set([operations, own], 2 * this.#count++);
  }
}

interface FilePlaces {
  readonly operations: number;
  readonly own: number;
  readonly users: number;
  /** Bytes up to the end of the last of these. */
  readonly length: number;
  isHeld(users: bigint): boolean;
}

/** Where a `struct file` says whether it is open. */
function filePlaces({ types, memory: { wordSize } }: KernelObjects): FilePlaces | undefined {
  // Since 6.13 a count that begins at 0 and is below 0 in two zones: of too many, and, the upper half, of none (file_ref_t).
  const counted = types.member("file", "f_ref.refcnt.counter");
  const users = counted ?? types.member("file", "f_count.counter");
  const [operations, own] = ["f_op", "private_data"].map((name) => types.member("file", name));
  if (users?.size !== wordSize || operations === undefined || own === undefined) return undefined;
  const offsets = { operations: operations.offset, own: own.offset, users: users.offset };
  const length = Math.max(...Object.values(offsets)) + wordSize;
  if (length > MAX_SIZE) return undefined;
  const bits = BigInt(8 * wordSize);
  const isHeld =
    counted !== undefined
      ? (value: bigint) => value >> (bits - 2n) !== 3n
      : (value: bigint) => value !== 0n && value >> (bits - 1n) === 0n;
  return { ...offsets, length, isHeld };
}
