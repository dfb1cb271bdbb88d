import type { KernelMemory } from "../kernel-memory.js";
import { callerOf, flagsAndLevel, type KernelLog, LOG_CONT, type LogRecord, mostRecords } from "./log-record.js";

/**
 * The buffer of kernels 3.5 to 5.9: records of different lengths, one after the other (struct printk_log; struct log
 * before 3.11); at most `most` bytes. A record of length 0 sends the reader back to the start. `undefined` if the kernel has another kind of
 * buffer.
 */
export function readRecordBuffer(memory: KernelMemory, sinceClear: boolean, most: number): KernelLog | undefined {
  const { info } = memory;
  const struct = info.size("printk_log") !== undefined ? "printk_log" : "log";
  const header = info.size(struct);
  if (header === undefined) return undefined;
  const u32 = (name: string) => {
    const address = info.symbol(name);
    return address === undefined ? undefined : memory.readView(address, 4)?.getUint32(0, memory.littleEndian);
  };
  const pointer = info.symbol("log_buf");
  const buffer = pointer === undefined ? undefined : memory.readWord(pointer);
  const [size, first, next] = [u32("log_buf_len"), u32("log_first_idx"), u32("log_next_idx")];
  if (buffer === undefined || size === undefined || first === undefined || next === undefined) return undefined;
  if (size > most || first >= size || next > size) return undefined;

  const cleared = sinceClear ? u32("clear_idx") : undefined;
  let records: LogRecord[] = [];
  let unreadable = 0;
  let at = first;
  let wrapped = false;
  // `at` only grows, and goes back to the start once: the loop ends whatever the lengths are.
  for (;;) {
    if (wrapped && at >= Math.min(next, first)) break;
    if (!wrapped && next > first && at >= next) break;
    const found = at + header <= size ? readRecord(memory, struct, header, buffer, at, size) : "end";
    if (found === "end") {
      if (wrapped) break;
      [at, wrapped] = [0, true];
      continue;
    }
    if (found === undefined || records.length >= mostRecords(most)) {
      // Records behind this one cannot be found without its length.
      unreadable++;
      break;
    }
    if (at === cleared) records = [];
    records.push(found.record);
    at += found.length;
  }
  // If nothing was written since, the mark is where the next record will be.
  if (cleared !== undefined && cleared === next) records = [];
  return { kind: "printk_log", records, unreadable };
}

interface Found {
  readonly record: LogRecord;
  readonly length: number;
}

function readRecord(
  { info, readView, littleEndian }: KernelMemory,
  struct: string,
  header: number,
  buffer: bigint,
  at: number,
  size: number,
): Found | "end" | undefined {
  const view = readView(buffer + BigInt(at), header);
  if (view === undefined) return undefined;
  const place = (name: string, or: number) => info.offset(`${struct}.${name}`) ?? or;
  const u16 = (name: string, or: number) => view.getUint16(place(name, or), littleEndian);
  // Facility, flags and level follow the lengths; their offsets are not exported.
  const facilityAt = place("dict_len", 12) + 2;
  const callerAt = info.offset(`${struct}.caller_id`);
  const ends = [
    place("len", 8) + 2,
    place("text_len", 10) + 2,
    facilityAt + 2,
    place("ts_nsec", 0) + 8,
    (callerAt ?? 0) + 4,
  ];
  if (Math.max(...ends) > header) return undefined;
  const length = u16("len", 8);
  if (length === 0) return "end";
  const [textLength, dictLength] = [u16("text_len", 10), u16("dict_len", 12)];
  if (length < header || at + length > size || header + textLength + dictLength > length) return undefined;
  const rest = readView(buffer + BigInt(at + header), textLength + dictLength);
  if (rest === undefined) return undefined;
  const text = new Uint8Array(rest.buffer, 0, textLength);
  const { flags, level } = flagsAndLevel(view.getUint8(facilityAt + 1), littleEndian);
  return {
    record: {
      seq: undefined,
      nanoseconds: view.getBigUint64(place("ts_nsec", 0), littleEndian),
      level,
      facility: view.getUint8(facilityAt),
      caller: callerAt === undefined ? undefined : callerOf(view.getUint32(callerAt, littleEndian)),
      text,
      device: dictionary(new Uint8Array(rest.buffer, textLength, dictLength)),
      continues: (flags & LOG_CONT) !== 0,
    },
    length,
  };
}

/** "SUBSYSTEM=acpi\0DEVICE=+acpi:PNP0A03:00". */
function dictionary(bytes: Uint8Array): Record<string, string> {
  const pairs = Buffer.from(bytes).toString("latin1").split("\0");
  const entries = pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const);
  return Object.fromEntries(entries.filter(([name]) => name === "SUBSYSTEM" || name === "DEVICE"));
}
