import type { Dump } from "../../reader/dump.js";
import type { KernelMemory } from "../kernel-memory.js";
import { kernelSpace, unreadable } from "../kernel-space.js";
import { type KernelLog, type LogRecord, mostLog } from "./log-record.js";
import { readRecordBuffer } from "./record-buffer.js";
import { readRingBuffer } from "./ring-buffer.js";

const LOG = "its kernel log";

/**
 * The kernel's log from a dump, oldest record first, of any kernel since 2.6.32. Needs VMCOREINFO and the kernel's page
 * tables but no struct pages, so it also works for dumps that cannot be filtered. `sinceClear`: only records after the
 * last `dmesg --clear`. Throws `CANNOT_FILTER` with what is missing.
 */
export function logOfKernel(dump: Dump, sinceClear = false): KernelLog {
  const { memory } = kernelSpace(dump, LOG);
  const most = mostLog(dump.memory.held);
  const log =
    readRingBuffer(memory, sinceClear, most) ??
    readRecordBuffer(memory, sinceClear, most) ??
    readByteRing(memory, sinceClear, most);
  if (log === undefined) throw unreadable(dump, LOG, "its log buffer was not found (prb, log_buf)");
  return log;
}

/**
 * The buffer of kernels before 3.5: a ring of characters, with level and time as text: `<6>[    0.000000] text`.
 * `log_end` counts all characters that were ever written, in 32 bits. `undefined` if the kernel has another kind of
 * buffer.
 */
function readByteRing(memory: KernelMemory, sinceClear: boolean, most: number): KernelLog | undefined {
  const { info, littleEndian } = memory;
  const u32 = (name: string) => {
    const address = info.symbol(name);
    return address === undefined ? undefined : memory.readView(address, 4)?.getUint32(0, littleEndian);
  };
  const pointer = info.symbol("log_buf");
  const buffer = pointer === undefined ? undefined : memory.readWord(pointer);
  const [size, end] = [u32("log_buf_len"), u32("log_end")];
  if (buffer === undefined || size === undefined || end === undefined) return undefined;
  if (size === 0 || size > most) return undefined;
  const there = Math.min(end, size, sinceClear ? (u32("logged_chars") ?? end) : end);
  const bytes = new Uint8Array(there);
  const start = (end - there) % size;
  const before = Math.min(there, size - start);
  const head = memory.readView(buffer + BigInt(start), before);
  const rest = before < there ? memory.readView(buffer, there - before) : undefined;
  if (head !== undefined) bytes.set(new Uint8Array(head.buffer));
  if (rest !== undefined) bytes.set(new Uint8Array(rest.buffer), before);
  const unreadable = (head === undefined ? 1 : 0) + (before < there && rest === undefined ? 1 : 0);
  return { kind: "characters", records: linesOf(bytes), unreadable };
}

function linesOf(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    const end = newline < 0 ? bytes.length : newline;
    records.push(lineRecord(bytes.subarray(at, end)));
    at = end + 1;
  }
  return records;
}

function lineRecord(line: Uint8Array): LogRecord {
  const head = Buffer.from(line.subarray(0, 40)).toString("latin1");
  const [marks = "", priority, seconds, micros] = /^(?:<(\d{1,3})>)?(?:\[ *(\d{1,10})\.(\d{6})\] )?/.exec(head) ?? [];
  const value = priority === undefined ? undefined : Number(priority);
  return {
    seq: undefined,
    nanoseconds: seconds === undefined ? undefined : (BigInt(seconds) * 1_000_000n + BigInt(micros ?? 0)) * 1000n,
    level: value === undefined ? undefined : value & 7,
    facility: value === undefined ? undefined : value >> 3,
    caller: undefined,
    text: line.slice(marks.length),
    device: {},
    continues: false,
  };
}
