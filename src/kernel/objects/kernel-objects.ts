import type { KernelSymbols } from "../debuginfo/kernel-symbols.js";
import type { KernelMember, KernelTypes } from "../debuginfo/kernel-types.js";
import type { KernelMemory } from "../kernel-memory.js";

/** What is needed to read a kernel's objects by the names of their types and members. */
export interface KernelObjects {
  readonly memory: KernelMemory;
  readonly symbols: KernelSymbols;
  readonly types: KernelTypes;
  /**
   * Called where the data lead nowhere: a list, a tree or a member that cannot be followed to its end, a member that the
   * types lack. What is behind it was not found. Only searches that must say so have it.
   */
  readonly incomplete?: () => void;
}

/** What a walk through structs needs. */
export type WalkedObjects = Pick<KernelObjects, "memory" | "types" | "incomplete">;

/** An unsigned integer of 1, 2, 4 or 8 bytes; `undefined` if the dump does not have it. */
export function readInteger(memory: KernelMemory, address: bigint, size: number): bigint | undefined {
  // Most are pointers; a word is read without a copy.
  if (size === memory.wordSize) return memory.readWord(address);
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) return undefined;
  const view = memory.readView(address, size);
  if (view === undefined) return undefined;
  if (size === 8) return view.getBigUint64(0, memory.littleEndian);
  if (size === 4) return BigInt(view.getUint32(0, memory.littleEndian));
  return BigInt(size === 2 ? view.getUint16(0, memory.littleEndian) : view.getUint8(0));
}

/**
 * A member's value: an integer, a pointer, an enum or a bit field, unsigned (`BigInt.asIntN` makes it signed).
 * `address` is the struct's; `path` as in `KernelTypes.member`. `undefined` if the types have no such member, if it is
 * of another kind, or if the dump lacks it.
 */
export function readMember(
  { memory, types, incomplete }: WalkedObjects,
  type: string,
  address: bigint,
  path: string,
): bigint | undefined {
  const member = types.member(type, path);
  const value = member && member.count === undefined ? readValue(memory, address, member) : undefined;
  if (value === undefined) incomplete?.();
  return value;
}

/** The same of a member that not all kernels have. */
export function readPossibleMember(
  kernel: WalkedObjects,
  type: string,
  address: bigint,
  path: string,
): bigint | undefined {
  return kernel.types.member(type, path) === undefined ? undefined : readMember(kernel, type, address, path);
}

function readValue(memory: KernelMemory, address: bigint, member: KernelMember): bigint | undefined {
  const at = address + BigInt(member.offset);
  return member.bitSize === undefined ? readInteger(memory, at, member.size) : readBits(memory, at, member);
}

function readBits(memory: KernelMemory, at: bigint, member: KernelMember): bigint | undefined {
  const { bitOffset = 0, bitSize = 0 } = member;
  const size = Math.max(member.size, Math.ceil((bitOffset + bitSize) / 8));
  const view = size > MAX_BIT_FIELD ? undefined : memory.readView(at, size);
  if (view === undefined) return undefined;
  let value = 0n;
  for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(view.getUint8(memory.littleEndian ? size - 1 - i : i));
  const shift = memory.littleEndian ? bitOffset : size * 8 - bitOffset - bitSize;
  return BigInt.asUintN(bitSize, value >> BigInt(shift));
}

/** Room for a bit field of 64 bits that begins within a byte. */
const MAX_BIT_FIELD = 16;

/** The address of a member; `undefined` if the types have no such member. */
export function memberAddress(
  { types, incomplete }: Pick<WalkedObjects, "types" | "incomplete">,
  type: string,
  address: bigint,
  path: string,
): bigint | undefined {
  const member = types.member(type, path);
  if (member === undefined) incomplete?.();
  return member === undefined ? undefined : address + BigInt(member.offset);
}

/** The address of the struct whose member `path` is at `address`. */
export function containerOf(types: KernelTypes, address: bigint, type: string, path: string): bigint | undefined {
  const member = types.member(type, path);
  return member === undefined ? undefined : address - BigInt(member.offset);
}

/** Text up to the first zero byte, of at most `max` bytes, as Latin-1; `undefined` if the first byte is missing. */
export function readText(memory: KernelMemory, address: bigint, max: number): string | undefined {
  const bytes: number[] = [];
  const page = BigInt(memory.pageSize);
  while (bytes.length < max) {
    const at = address + BigInt(bytes.length);
    const n = Math.min(max - bytes.length, Number(page - (at % page)));
    const view = memory.readView(at, n);
    if (view === undefined) break;
    for (let i = 0; i < n; i++) {
      const byte = view.getUint8(i);
      if (byte === 0) return latin1(bytes);
      bytes.push(byte);
    }
  }
  return bytes.length === 0 && max > 0 ? undefined : latin1(bytes);
}

function latin1(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Why a walk ended. */
export type WalkEnd = "end" | "unreadable" | "cycle" | "limit";

/**
 * The entries of a circular list (`struct list_head`): addresses of the structs whose member `path` is in the list of
 * `head`, in order, without the head. The return value says why it ended: at the end; at an entry that cannot be read
 * or is not a kernel address; in a circle that does not lead back to the head (its entries may be yielded several
 * times); after `limit` entries.
 */
export function* walkList(
  kernel: WalkedObjects,
  head: bigint,
  type: string,
  path: string,
  limit: number,
): Generator<bigint, WalkEnd> {
  const end = yield* entriesOf(kernel, head, type, path, limit);
  if (end !== "end") kernel.incomplete?.();
  return end;
}

function* entriesOf(
  { memory, types }: WalkedObjects,
  head: bigint,
  type: string,
  path: string,
  limit: number,
): Generator<bigint, WalkEnd> {
  const member = types.member(type, path);
  // Two pointers, next and prev, in all kernels since 2.6.
  const first = member === undefined ? undefined : memory.readWord(head);
  if (member === undefined || first === undefined) return "unreadable";
  const offset = BigInt(member.offset);
  let node = first;
  // Brent's algorithm: the marker moves to the current node at every power of two.
  let marker = head;
  for (let count = 0, power = 1; node !== head; count++) {
    if (node === marker) return "cycle";
    if (count >= limit) return "limit";
    if (count === power) [marker, power] = [node, power * 2];
    const next = memory.isKernelAddress(node) ? memory.readWord(node) : undefined;
    if (next === undefined) return "unreadable";
    yield node - offset;
    node = next;
  }
  return "end";
}
