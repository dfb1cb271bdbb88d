import type { DumpError } from "../../errors.js";
import { damagedFileError } from "../damage.js";
import { fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { ReadWindow } from "../source/read-window.js";

/*
 * A saved state (.vmss, .vmsn), little endian: 12 bytes of header, then descriptors of groups of 80 bytes {name,
 * position, size}. A group is a list of tags {flags, length of the name, name, up to three indices, value}. The format
 * is known from programs that read it: VMware's own patches to crash, volatility.
 */

/**
 * The first word: the state of the file, and whether blocks have sizes of 32 bits (the low half byte, 0 in the oldest
 * versions).
 */
const IDS = new Map<number, { readonly partial: boolean; readonly shortSizes: boolean }>([
  [0xbed2bed2, { partial: false, shortSizes: false }],
  [0xbed2bed0, { partial: false, shortSizes: true }],
  [0xbed0bed0, { partial: false, shortSizes: true }],
  [0xbed3bed3, { partial: true, shortSizes: false }],
  // The state was restored already, and must not be restored again. The content is the same.
  [0xbad1bad1, { partial: false, shortSizes: false }],
  [0xbad2bad2, { partial: false, shortSizes: false }],
]);

const HEADER = 12;
const GROUP = 80;
const NAME = 64;
/** Some dozens are usual; crash accepts at most a hundred. */
const MAX_GROUPS = 1000;
/** A machine of 768 CPUs, VMware's most, has some 500 tags for each. */
const MAX_TAGS = 2 ** 21;
/** Values of the flags' low six bits that are not lengths. */
const PACKED_BLOCK = 62;
const BLOCK = 63;

/** A tag of a group. */
export interface StateTag {
  /** Including its indices: `S.base64[0][3]`. */
  readonly name: string;
  /** A short value. It is only valid until `take` returns. */
  readonly value: Uint8Array | undefined;
  /** A value of any length: where it is in the file. */
  readonly block: { readonly offset: number; readonly size: number; readonly packed: boolean } | undefined;
}

export interface StateFile {
  /** Whether its writer did not finish, or left the memory of some pages out. */
  readonly partial: boolean;
  /** Calls `take` with each tag of the groups of that name. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`. */
  tags(group: string, take: (tag: StateTag) => void): void;
}

/** Whether a file with this head is a saved state. */
export function isStateFile(head: Uint8Array): boolean {
  return head.length >= HEADER && IDS.has(fields(head, true, "").u32(0));
}

/** Reads the list of groups. Throws `TRUNCATED`, `CORRUPT`. */
export function readState(source: ByteSource): StateFile {
  const header = fields(readExactly(source, 0, HEADER, "header"), true, source.name);
  const { partial, shortSizes } = IDS.get(header.u32(0)) ?? { partial: false, shortSizes: false };
  const count = header.u32(8);
  if (count > MAX_GROUPS) throw damaged(source, 8, `${count} groups of values, and at most ${MAX_GROUPS} are believed`);
  const table = fields(readExactly(source, HEADER, count * GROUP, "table of groups"), true, source.name);
  const groups = Array.from({ length: count }, (_, i) => ({
    name: table.text(i * GROUP, NAME),
    position: table.u64Number(i * GROUP + NAME, "the position of a group"),
  }));
  return {
    partial,
    tags(group, take) {
      // Groups may lie in the same place, and a tag takes two bytes or more.
      let left = Math.min(MAX_TAGS, source.size / 2);
      for (const { name, position } of groups) {
        if (name === group) left = readGroup(source, position, shortSizes, take, left);
      }
    },
  };
}

/** Reads `left` tags at most. Returns how many of them are left. */
function readGroup(
  source: ByteSource,
  position: number,
  shortSizes: boolean,
  take: (tag: StateTag) => void,
  left: number,
): number {
  const window = new ReadWindow(source);
  let at = position;
  for (let rest = left; ; rest--) {
    if (rest < 0) throw damaged(source, at, "more values than it has room for");
    const head = window.read(at, 2, "list of values");
    const [flags = 0, nameLength = 0] = head;
    if (flags === 0 && nameLength === 0) return rest;
    const indices = flags >> 6;
    const length = flags & 63;
    const front = fields(window.read(at, 2 + nameLength + 4 * indices, "list of values"), true, source.name);
    const words = Array.from({ length: indices }, (_, i) => `[${front.u32(2 + nameLength + 4 * i)}]`);
    const name = `${front.text(2, nameLength)}${words.join("")}`;
    at += 2 + nameLength + 4 * indices;
    if (length < PACKED_BLOCK) {
      take({ name, value: window.read(at, length, "list of values"), block: undefined });
      at += length;
    } else {
      const block = blockAt(source, window, at, shortSizes);
      take({ name, value: undefined, block: { ...block, packed: length !== BLOCK } });
      at = block.offset + block.size;
    }
  }
}

/** A block: its size on disk, its size in memory, padding, then its bytes. */
function blockAt(source: ByteSource, window: ReadWindow, at: number, shortSizes: boolean) {
  const sizes = shortSizes ? 8 : 16;
  const head = fields(window.read(at, sizes + 2, "list of values"), true, source.name);
  const size = shortSizes ? head.u32(0) : head.u64Number(0, "the size of a block");
  const offset = at + sizes + 2 + head.u16(sizes);
  if (!Number.isSafeInteger(offset + size)) throw damaged(source, at, `a block of ${size} bytes`);
  return { offset, size };
}

function damaged(source: ByteSource, offset: number, what: string): DumpError {
  return damagedFileError("CORRUPT", source.name, `its VMware state has ${what}`, offset);
}
