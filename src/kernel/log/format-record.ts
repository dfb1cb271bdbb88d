import { types } from "node:util";
import { steers } from "../../foreign-text.js";
import { anyOf, checkArgument, hasMembers, suchThat } from "../../option-shape.js";
import type { LogRecord } from "./log-record.js";

/** Forms of a line of the kernel log, as `coresieve dmesg --follow-format` names them. */
export const LOG_FORMATS = ["dmesg", "levels", "raw", "kmsg", "makedumpfile"] as const;
/** The name of one of these forms. */
export type LogFormat = (typeof LOG_FORMATS)[number];

const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
// The names of syslog, as util-linux' dmesg prints them.
const FACILITIES = "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split(" ");

/**
 * One record as a line in the given format, with its newline. `dmesg` prints like util-linux' dmesg, with the caller
 * where the kernel records it; `levels` like its `-x`, `raw` like its `-r`; `kmsg` like /dev/kmsg; `makedumpfile` like
 * --dump-dmesg, except that UTF-8 stays.
 */
export function formatRecord(record: LogRecord, format: LogFormat): string {
  checkArgument("record", record, aRecord);
  checkArgument("format", format, anyOf(...LOG_FORMATS));
  if (format === "kmsg") return kmsgLine(record);
  const stamp = timeStamp(record.nanoseconds) + (record.caller === undefined ? "" : `[${callerName(record, 8)}] `);
  const text = safeText(record.text);
  // Further lines of a message are printed under its first line.
  if (format === "raw")
    return `<${priority(record)}>${stamp}${text.replaceAll("\n", `\n<${priority(record)}>${stamp}`)}\n`;
  const head = format === "levels" ? decoded(record) : "";
  const indent = " ".repeat(head.length + stamp.length);
  return `${head}${stamp}${text.replaceAll("\n", `\n${indent}`)}\n`;
}

const aRecord = suchThat(
  (value) =>
    hasMembers(value, ["text", "device"]) &&
    types.isUint8Array((value as LogRecord).text) &&
    hasMembers((value as LogRecord).device, []) &&
    Object.values((value as LogRecord).device).every((one) => typeof one === "string") &&
    ["bigint", "undefined"].includes(typeof (value as LogRecord).nanoseconds) &&
    (["seq", "level", "facility"] as const).every((name) => isNumberOrAbsent((value as LogRecord)[name])) &&
    isCaller((value as LogRecord).caller),
  "a record of readKernelLog",
);

// A damaged log has numbers of any size.
const isNumberOrAbsent = (value: unknown) => ["number", "undefined"].includes(typeof value);
const isCaller = (value: LogRecord["caller"]) =>
  value === undefined || (hasMembers(value, ["kind", "id"]) && typeof value.id === "number");

/** A record as an object for JSON, with its bytes as text. */
export function recordForJson(record: LogRecord): Readonly<Record<string, unknown>> {
  const { seq, nanoseconds, level, facility, device, continues } = record;
  return {
    seq: seq ?? null,
    // A number of seconds would lose digits after 104 days.
    nanoseconds: nanoseconds?.toString() ?? null,
    level: level ?? null,
    levelName: level === undefined ? null : (LEVELS[level] ?? null),
    facility: facility ?? null,
    caller: record.caller === undefined ? null : callerName(record, 0),
    text: safeText(record.text),
    device,
    continues,
  };
}

function priority({ level, facility }: LogRecord): number {
  return (facility ?? 0) * 8 + (level ?? 6);
}

function timeStamp(nanoseconds: bigint | undefined): string {
  if (nanoseconds === undefined) return "";
  const micros = nanoseconds / 1000n;
  return `[${String(micros / 1_000_000n).padStart(5)}.${String(micros % 1_000_000n).padStart(6, "0")}] `;
}

function callerName({ caller }: LogRecord, width: number): string {
  return caller === undefined ? "" : `${caller.kind === "cpu" ? "C" : "T"}${caller.id}`.padStart(width);
}

function decoded({ level, facility }: LogRecord): string {
  const name = FACILITIES[facility ?? 0] ?? `${facility}`;
  return `${name.padEnd(6)}:${(LEVELS[level ?? 6] ?? "").padEnd(6)}: `;
}

function kmsgLine(record: LogRecord): string {
  const { seq, nanoseconds, continues, device, caller } = record;
  const micros = nanoseconds === undefined ? 0n : nanoseconds / 1000n;
  const who = caller === undefined ? "" : `,caller=${callerName(record, 0)}`;
  const dictionary = Object.entries(device).map(([name, value]) => ` ${kmsgText(Buffer.from(`${name}=${value}`))}\n`);
  const text = kmsgText(record.text);
  return `${priority(record)},${seq ?? "-"},${micros},${continues ? "c" : "-"}${who};${text}\n${dictionary.join("")}`;
}

/** Here the kernel itself writes bytes that are not printable ASCII as \xNN. */
function kmsgText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte < 32 || byte >= 127 || byte === 0x5c ? hexEscape(byte) : String.fromCharCode(byte),
  ).join("");
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/**
 * Text for a terminal: UTF-8 stays as it is. Bytes that are not UTF-8, and control characters (foreign-text.ts), become
 * `\xNN`, as in util-linux and the kernel: a log must not send commands to the reader's terminal. Newlines and tabs
 * stay.
 */
export function safeText(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte >= 32 && byte < 127)) return Buffer.from(bytes).toString("latin1");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    const part = bytes.subarray(at, at + length);
    const decoded = length === 0 ? "" : Buffer.from(part).toString("utf8");
    const control = decoded !== "\t" && decoded !== "\n" && steers(decoded);
    if (length === 0 || decoded.includes("\ufffd") || control) {
      for (const byte of bytes.subarray(at, at + Math.max(1, length))) text += hexEscape(byte);
    } else text += decoded;
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the UTF-8 sequence at `at`; 0 if none begins there. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  let length = 0;
  if (first < 0x80) length = 1;
  else if (first >= 0xc2 && first < 0xe0) length = 2;
  else if (first >= 0xe0 && first < 0xf0) length = 3;
  else if (first >= 0xf0 && first < 0xf5) length = 4;
  if (at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0;
  return length;
}
