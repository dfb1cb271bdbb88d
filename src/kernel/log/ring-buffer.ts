import { wordAt } from "../../reader/fields.js";
import type { KernelMemory } from "../kernel-memory.js";
import { callerOf, flagsAndLevel, type KernelLog, LOG_CONT, type LogRecord, mostRecords } from "./log-record.js";

/** 2^24 records of 32 bytes of text each fill 512 MiB of log; the kernel's largest is 2 GiB, of larger records. */
const MAX_COUNT_BITS = 26;
const MAX_SIZE_BITS = 31;
/** The most slots without a record: a record is being written on each CPU, and pages of slots may be missing. */
const MAX_EMPTY = 1 << 16;

/** Where the parts of the ring buffer are. */
export interface Ring {
  readonly countBits: number;
  readonly sizeBits: number;
  readonly descs: bigint;
  readonly infos: bigint;
  readonly data: bigint;
  readonly head: bigint;
  readonly tail: bigint;
}

/**
 * The lockless ring buffer of kernels since 5.10 (kernel/printk/printk_ringbuffer.h). All offsets come from VMCOREINFO.
 * `undefined` if the kernel has none, because it is older. Takes about 2 microseconds a record. Reads from the newest
 * record on until `most` bytes of text, or until too many slots have no record: a damaged count may claim 67 million.
 */
export function readRingBuffer(memory: KernelMemory, sinceClear: boolean, most: number): KernelLog | undefined {
  const ring = findRing(memory);
  if (ring === undefined) return undefined;
  const from = sinceClear ? clearSeq(memory) : 0;
  const idBits = BigInt(memory.wordSize * 8 - 2);
  const records: LogRecord[] = [];
  let unreadable = 0;
  const count = Number(BigInt.asUintN(Number(idBits), ring.head - ring.tail)) + 1;
  // More ids than slots: head or tail is damaged. The newest records that may exist are read.
  const slots = Math.min(count, 2 ** ring.countBits);
  let [empty, left] = [0, Math.min(most, 2 ** ring.sizeBits)];
  for (let i = 0; i < slots && empty < MAX_EMPTY; i++) {
    const id = BigInt.asUintN(Number(idBits), ring.head - BigInt(i));
    const record = readRecord(memory, ring, id);
    if (record === "unreadable") unreadable++;
    if (record === "unreadable" || record === undefined) {
      empty++;
      continue;
    }
    left -= record.text.length;
    // No two records have the same text: more of it than the ring has room for is damage.
    if (left < 0 || records.length >= mostRecords(most)) {
      unreadable += slots - i;
      break;
    }
    if ((record.seq ?? 0) >= from) records.push(record);
  }
  return { kind: "printk_ringbuffer", records: records.reverse(), unreadable };
}

/** Finds the ring buffer of a kernel since 5.10. */
export function findRing(memory: KernelMemory): Ring | undefined {
  const pointer = memory.info.symbol("prb");
  const base = pointer === undefined ? undefined : memory.readWord(pointer);
  return base === undefined ? undefined : ringAt(memory, base);
}

/**
 * The ring buffer with which such a kernel began, if it has moved to a larger one since: with many CPUs, or
 * `log_buf_len=`. Its messages were copied, and stay there as well.
 */
export function firstRing(memory: KernelMemory): Ring | undefined {
  const [pointer, first] = [memory.info.symbol("prb"), memory.info.symbol("printk_rb_static")];
  const moved = pointer !== undefined && first !== undefined && memory.readWord(pointer) !== first;
  return moved ? ringAt(memory, first) : undefined;
}

function ringAt(
  { info, readWord, readView, littleEndian, isKernelAddress }: KernelMemory,
  base: bigint,
): Ring | undefined {
  if (!isKernelAddress(base)) return undefined;
  const offset = (name: string, or: number) => BigInt(info.offset(name) ?? or);
  const desc = base + offset("printk_ringbuffer.desc_ring", 0);
  const text = base + offset("printk_ringbuffer.text_data_ring", 48);
  const u32 = (at: bigint) => readView(at, 4)?.getUint32(0, littleEndian);
  const countBits = u32(desc + offset("prb_desc_ring.count_bits", 0));
  const sizeBits = u32(text + offset("prb_data_ring.size_bits", 0));
  const descs = readWord(desc + offset("prb_desc_ring.descs", 8));
  const infos = readWord(desc + offset("prb_desc_ring.infos", 16));
  const data = readWord(text + offset("prb_data_ring.data", 8));
  const counter = offset("atomic_long_t.counter", 0);
  const head = readWord(desc + offset("prb_desc_ring.head_id", 24) + counter);
  const tail = readWord(desc + offset("prb_desc_ring.tail_id", 32) + counter);
  if (countBits === undefined || sizeBits === undefined || descs === undefined || infos === undefined) return undefined;
  if (data === undefined || head === undefined || tail === undefined) return undefined;
  if (countBits > MAX_COUNT_BITS || sizeBits > MAX_SIZE_BITS) return undefined;
  return { countBits, sizeBits, descs, infos, data, head, tail };
}

/**
 * The record in a slot; `undefined` if the slot holds no finished record; "unreadable" if the dump lacks a part of it.
 */
function readRecord(memory: KernelMemory, ring: Ring, id: bigint): LogRecord | "unreadable" | undefined {
  const { info, wordSize, littleEndian, readView } = memory;
  const word = (view: DataView, at: number) => wordAt(view, at, wordSize, littleEndian);
  const slot = BigInt.asUintN(ring.countBits, id);
  const descSize = info.size("prb_desc") ?? 3 * wordSize;
  const desc = readView(ring.descs + slot * BigInt(descSize), descSize);
  if (desc === undefined) return "unreadable";
  const stateAt = info.offset("prb_desc.state_var") ?? 0;
  const block = info.offset("prb_desc.text_blk_lpos") ?? wordSize;
  const beginAt = block + (info.offset("prb_data_blk_lpos.begin") ?? 0);
  const nextAt = block + (info.offset("prb_data_blk_lpos.next") ?? wordSize);
  if (Math.max(stateAt, beginAt, nextAt) + wordSize > descSize) return "unreadable";
  const state = word(desc, stateAt);
  const idBits = wordSize * 8 - 2;
  if (BigInt.asUintN(idBits, state) !== id) return undefined;
  const stage = Number(state >> BigInt(idBits));
  if (stage !== COMMITTED && stage !== FINALIZED) return undefined;

  const infoSize = info.size("printk_info") ?? 88;
  const fields = readView(ring.infos + slot * BigInt(infoSize), infoSize);
  if (fields === undefined) return "unreadable";
  const textLength = info.offset("printk_info.text_len") ?? 16;
  const seqAt = info.offset("printk_info.seq") ?? 0;
  const timeAt = info.offset("printk_info.ts_nsec") ?? 8;
  const callerAt = info.offset("printk_info.caller_id");
  if (Math.max(textLength + 4, seqAt + 8, timeAt + 8, (callerAt ?? 0) + 4) > infoSize) return "unreadable";
  const begin = word(desc, beginAt);
  const next = word(desc, nextAt);
  const text = readText(memory, ring, begin, next, fields.getUint16(textLength, littleEndian));
  if (text === undefined) return "unreadable";
  // Facility, flags and level follow the length; their offsets are not exported.
  const { flags, level } = flagsAndLevel(fields.getUint8(textLength + 3), littleEndian);
  return {
    seq: Number(fields.getBigUint64(seqAt, littleEndian)),
    nanoseconds: fields.getBigUint64(timeAt, littleEndian),
    level,
    facility: fields.getUint8(textLength + 2),
    // Without CONFIG_PRINTK_CALLER the field stays 0, which is also the idle thread's number.
    caller: callerAt === undefined ? undefined : callerOf(fields.getUint32(callerAt, littleEndian)),
    text,
    device: deviceOf(memory, fields),
    continues: (flags & LOG_CONT) !== 0,
  };
}

const COMMITTED = 1;
const FINALIZED = 2;

/**
 * Text of a block at the logical positions [begin, next). A block that would cross the end of the ring lies at its
 * start instead. A block that ends exactly at the end of the ring (allowed since 6.19) stays there.
 */
function readText(
  { wordSize, readView }: KernelMemory,
  ring: Ring,
  begin: bigint,
  next: bigint,
  length: number,
): Uint8Array | undefined {
  const size = 2 ** ring.sizeBits;
  // A position with bit 0 set means that there is no text: an empty line, or a line that found no room.
  if (begin === next || (begin & 1n) === 1n) return new Uint8Array(0);
  const bits = BigInt(ring.sizeBits);
  const place = Number(BigInt.asUintN(ring.sizeBits, begin));
  const end = Number(BigInt.asUintN(ring.sizeBits, next)) || size;
  const wraps = begin >> bits !== (next - 1n) >> bits;
  const [start, room] = wraps ? [0, end] : [place, end - place];
  if (room < wordSize) return undefined;
  const bytes = Math.min(length, room - wordSize);
  if (bytes === 0) return new Uint8Array(0);
  const view = readView(ring.data + BigInt(start + wordSize), bytes);
  return view && new Uint8Array(view.buffer);
}

function deviceOf({ info }: KernelMemory, fields: DataView): Record<string, string> {
  const at = info.offset("printk_info.dev_info");
  if (at === undefined) return {};
  const device: Record<string, string> = {};
  const parts = [
    ["SUBSYSTEM", info.offset("dev_printk_info.subsystem") ?? 0, info.length("printk_info_subsystem") ?? 16],
    ["DEVICE", info.offset("dev_printk_info.device") ?? 16, info.length("printk_info_device") ?? 48],
  ] as const;
  for (const [name, offset, length] of parts) {
    if (at + offset + length > fields.byteLength) continue;
    const bytes = new Uint8Array(fields.buffer, at + offset, length);
    const end = bytes.indexOf(0);
    const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
    if (text !== "") device[name] = text;
  }
  return device;
}

/**
 * The number of the first record after `dmesg --clear`. It is a latch of two values; bit 0 of the latch's counter
 * selects the valid one.
 */
function clearSeq({ info, readView, littleEndian }: KernelMemory): number {
  const address = info.symbol("clear_seq");
  if (address === undefined) return 0;
  const value = info.offset("latched_seq.val") ?? 8;
  const view = readView(address, value + 16);
  if (view === undefined) return 0;
  const valid = view.getUint32(0, littleEndian) & 1;
  return Number(view.getBigUint64(value + 8 * valid, littleEndian));
}
