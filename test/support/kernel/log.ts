/** The kernel's log in memory: a ring of characters, of records, or the lockless ring buffer, by release. */

import { asciiBytes } from "../bytes.js";
import { since } from "./release.js";
import { IMAGE, type KernelSpace } from "./space.js";
import type { KernelFeatures } from "./versions.js";

export interface LogRecord {
  readonly text: string;
  /** Since boot. */
  readonly nanoseconds?: number;
  readonly level?: number;
  /** Thread that spoke, or with bit 31 the CPU. */
  readonly caller?: number;
  /** 5.10 on: 0 reserved, 1 committed, 2 finalized (default), 3 reusable. */
  readonly state?: 0 | 1 | 2 | 3;
}

export interface LogOptions {
  readonly records?: readonly LogRecord[];
  /** The ring has 2^sizeBits bytes (default 12, at most 14) and, from 5.10 on, 2^countBits records (5, at most 5). */
  readonly sizeBits?: number;
  readonly countBits?: number;
  /** 5.10 on: number of the first record, and the logical position of its text. */
  readonly firstId?: number;
  readonly firstPosition?: number;
  /** 5.10 on: the sequence number that "dmesg --clear" left. */
  readonly clearedBefore?: number;
}

/** Offsets within the kernel's image. */
const AT = {
  pointer: IMAGE.log,
  numbers: IMAGE.log + 0x10,
  ring: IMAGE.log + 0x100,
  clearSeq: IMAGE.log + 0x200,
  descs: IMAGE.log + 0x400,
  infos: IMAGE.log + 0x800,
  data: IMAGE.log + 0x2000,
} as const;

const DESC_SIZE = 24;
const INFO_SIZE = 88;
const EMPTY_LINE = 3n;

/** Writes the log; returns its lines of VMCOREINFO. */
export function writeLog(space: KernelSpace, features: KernelFeatures, options: LogOptions): string[] {
  const { release } = features;
  const records = options.records ?? [
    { text: `Linux version ${release.text} (builder@synthetic)`, nanoseconds: 0 },
    { text: "Kernel panic - not syncing: sysrq triggered crash", nanoseconds: 1_234_567_000, level: 0 },
  ];
  if ((options.sizeBits ?? 12) > 14 || (options.countBits ?? 5) > 5) {
    throw new Error("the log's ring is too large for its place in the image");
  }
  if (since(release, "5.10")) {
    return writeRingBuffer(space, records, options, since(release, "6.19"));
  }
  if (since(release, "3.5")) {
    return writeRecords(space, records, options, features);
  }
  return writeCharacters(space, records, options);
}

/** Text as it is stored; UTF-8 is not touched. */
function textBytes(text: string): Uint8Array {
  return /^[\0-\xff]*$/.test(text) ? asciiBytes(text) : new Uint8Array(Buffer.from(text, "utf8"));
}

function writeRingBuffer(
  space: KernelSpace,
  records: readonly LogRecord[],
  options: LogOptions,
  mayEndExactly: boolean,
): string[] {
  const countBits = options.countBits ?? 5;
  const sizeBits = options.sizeBits ?? 12;
  const [count, size] = [2 ** countBits, 2 ** sizeBits];
  const firstId = options.firstId ?? 0;
  const address = (offset: number): bigint => space.imageAddress(offset);
  const alive: { readonly id: number; readonly begin: number }[] = [];
  let position = options.firstPosition ?? 0;
  records.forEach((record, index) => {
    const id = firstId + index;
    const text = textBytes(record.text);
    const slot = id % count;
    const desc = AT.descs + slot * DESC_SIZE;
    const begin = position;
    let next = begin;
    if (text.length > 0) {
      const block = Math.ceil((8 + text.length) / 8) * 8;
      next = begin + block;
      const last = mayEndExactly ? next - 1 : next;
      const wraps = Math.floor(begin / size) !== Math.floor(last / size);
      let place = begin % size;
      if (wraps) {
        space.writeImage(AT.data + place, 8, id);
        next = Math.floor(last / size) * size + block;
        place = 0;
      }
      space.writeImage(AT.data + place, 8, id);
      space.memory.write(space.imagePhysical + AT.data + place + 8, text);
    }
    position = next;
    const state = BigInt(record.state ?? 2);
    space.writeImage(desc, 8, (state << 62n) | BigInt(id));
    space.writeImage(desc + 8, 8, text.length > 0 ? BigInt(begin) : EMPTY_LINE);
    space.writeImage(desc + 16, 8, text.length > 0 ? BigInt(next) : EMPTY_LINE);
    const info = AT.infos + slot * INFO_SIZE;
    space.writeImage(info, 8, id);
    space.writeImage(info + 8, 8, record.nanoseconds ?? index * 1_000_000);
    space.writeImage(info + 16, 2, text.length);
    space.writeImage(info + 19, 1, (record.level ?? 6) << 5);
    space.writeImage(info + 20, 4, record.caller ?? 1);
    alive.push({ id, begin });
  });
  // What the newest records have overwritten, in either ring, is gone.
  const lastId = firstId + records.length - 1;
  const tail = alive.find((one) => one.id > lastId - count && one.begin >= position - size);

  space.writeImage(AT.pointer, 8, address(AT.ring));
  space.writeImage(AT.ring, 4, countBits);
  space.writeImage(AT.ring + 8, 8, address(AT.descs));
  space.writeImage(AT.ring + 16, 8, address(AT.infos));
  space.writeImage(AT.ring + 24, 8, lastId);
  space.writeImage(AT.ring + 32, 8, tail?.id ?? lastId);
  space.writeImage(AT.ring + 48, 4, sizeBits);
  space.writeImage(AT.ring + 56, 8, address(AT.data));
  space.writeImage(AT.ring + 64, 8, position);
  space.writeImage(AT.ring + 72, 8, tail?.begin ?? position);
  space.writeImage(AT.clearSeq + 8, 8, options.clearedBefore ?? 0);
  space.writeImage(AT.clearSeq + 16, 8, options.clearedBefore ?? 0);
  return [
    `SYMBOL(prb)=${address(AT.pointer).toString(16)}`,
    `SYMBOL(printk_rb_static)=${address(AT.ring).toString(16)}`,
    `SYMBOL(clear_seq)=${address(AT.clearSeq).toString(16)}`,
    ...members("printk_ringbuffer", 88, { desc_ring: 0, text_data_ring: 48, fail: 80 }),
    ...members("prb_desc_ring", 48, { count_bits: 0, descs: 8, infos: 16, head_id: 24, tail_id: 32 }),
    ...members("prb_desc", DESC_SIZE, { state_var: 0, text_blk_lpos: 8 }),
    ...members("prb_data_blk_lpos", 16, { begin: 0, next: 8 }),
    ...members("printk_info", INFO_SIZE, { seq: 0, ts_nsec: 8, text_len: 16, caller_id: 20, dev_info: 24 }),
    ...members("dev_printk_info", 64, { subsystem: 0, device: 16 }),
    "LENGTH(printk_info_subsystem)=16",
    "LENGTH(printk_info_device)=48",
    ...members("prb_data_ring", 32, { size_bits: 0, data: 8, head_lpos: 16, tail_lpos: 24 }),
    ...members("atomic_long_t", 8, { counter: 0 }),
    ...members("latched_seq", 24, { val: 8 }),
  ];
}

function members(struct: string, size: number, offsets: Readonly<Record<string, number>>): string[] {
  const lines = Object.entries(offsets).map(([member, offset]) => `OFFSET(${struct}.${member})=${offset}`);
  return [`SIZE(${struct})=${size}`, ...lines];
}

/** 3.5 to 5.9: records one behind the other; length 0 sends the reader back to the start. */
function writeRecords(
  space: KernelSpace,
  records: readonly LogRecord[],
  options: LogOptions,
  features: KernelFeatures,
): string[] {
  const size = 2 ** (options.sizeBits ?? 12);
  const withCaller = since(features.release, "5.1");
  const header = withCaller ? 24 : 16;
  let next = options.firstPosition ?? 0;
  const first = next;
  records.forEach((record, index) => {
    const text = textBytes(record.text);
    const length = Math.ceil((header + text.length) / 8) * 8;
    if (next + length + header > size) {
      space.writeImage(AT.data + next + 8, 2, 0);
      next = 0;
    }
    const at = AT.data + next;
    space.writeImage(at, 8, record.nanoseconds ?? index * 1_000_000);
    space.writeImage(at + 8, 2, length);
    space.writeImage(at + 10, 2, text.length);
    space.writeImage(at + 15, 1, (record.level ?? 6) << 5);
    if (withCaller) {
      space.writeImage(at + 16, 4, record.caller ?? 1);
    }
    space.memory.write(space.imagePhysical + at + header, text);
    next += length;
  });
  const struct = since(features.release, "3.11") ? "printk_log" : "log";
  const caller: Readonly<Record<string, number>> = withCaller ? { caller_id: 16 } : {};
  space.writeImage(AT.pointer, 8, space.imageAddress(AT.data));
  return [
    `SYMBOL(log_buf)=${space.imageAddress(AT.pointer).toString(16)}`,
    ...numbers(space, { log_buf_len: size, log_first_idx: first, clear_idx: first, log_next_idx: next }),
    ...members(struct, header, { ts_nsec: 0, len: 8, text_len: 10, dict_len: 12, ...caller }),
  ];
}

/** Before 3.5: plain characters in a ring, log_end counts all that were ever written. */
function writeCharacters(space: KernelSpace, records: readonly LogRecord[], options: LogOptions): string[] {
  const size = 2 ** (options.sizeBits ?? 12);
  const first = options.firstPosition ?? 0;
  const text = records.map((record, index) => {
    const micros = Math.floor((record.nanoseconds ?? index * 1_000_000) / 1000);
    const seconds = String(Math.floor(micros / 1_000_000)).padStart(5);
    return `<${record.level ?? 6}>[${seconds}.${String(micros % 1_000_000).padStart(6, "0")}] ${record.text}\n`;
  });
  const bytes = textBytes(text.join(""));
  bytes.forEach((byte, index) => {
    space.writeImage(AT.data + ((first + index) % size), 1, byte);
  });
  space.writeImage(AT.pointer, 8, space.imageAddress(AT.data));
  return [
    `SYMBOL(log_buf)=${space.imageAddress(AT.pointer).toString(16)}`,
    ...numbers(space, { log_end: first + bytes.length, log_buf_len: size, logged_chars: Math.min(bytes.length, size) }),
  ];
}

function numbers(space: KernelSpace, values: Readonly<Record<string, number>>): string[] {
  return Object.entries(values).map(([name, value], index) => {
    const at = AT.numbers + index * 8;
    space.writeImage(at, 4, value);
    return `SYMBOL(${name})=${space.imageAddress(at).toString(16)}`;
  });
}
