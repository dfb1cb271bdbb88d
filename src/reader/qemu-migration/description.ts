import type { LongWork } from "../../long-work.js";
import type { ByteSource } from "../source/byte-source.js";
import type { StreamReader } from "./stream.js";

/**
 * A device's part of the description of saved state, a JSON text at the end of a stream (QEMU's docs/devel/migration:
 * "vmdesc").
 */
export interface DeviceDescription {
  readonly name: string;
  readonly instance: number;
  readonly state: StateDescription;
}

/** The fields of a device or of a part of it, in their order, and the subsections after them. */
export interface StateDescription {
  readonly name: string;
  readonly fields: readonly FieldDescription[];
  readonly subsections: readonly StateDescription[];
}

export interface FieldDescription {
  /** Includes its index, if each element has a description of its own. */
  readonly name: string;
  /** Bytes of an element. */
  readonly size: number;
  /** Number of elements that follow each other. */
  readonly count: number;
  /** The fields of an element; `undefined` for an element without parts. */
  readonly parts: StateDescription | undefined;
}

/** Section 0x06, a length in 4 bytes, and the beginning of the text. */
const MARK = 0x06;
const MARK_SIZE = 5;
/** The text of a small machine has 50 KB; each CPU adds 9 KB (QEMU 7.2). */
const MOST_TEXT = 32 * 2 ** 20;
/** Bytes of devices' state in which the text is searched for: s390x machines save a byte for each page there. */
const MOST_STATE = 2 ** 32;
/** The most places that look like the text and are tried. Other data rarely do. */
const MOST_TRIED = 8;
const PIECE = 1 << 16;
/** The deepest nesting of parts: those of QEMU 11 are nested 6 deep. */
const MOST_DEPTH = 32;

/** Where the text of a stream's description ends, and its content. */
export interface StreamDescription {
  readonly end: number;
  readonly devices: readonly DeviceDescription[];
}

/** Finds the description behind `from`; `undefined` if there is none, or no complete one, as far as may be searched. */
export function* findDescription(reader: StreamReader, from: number): LongWork<StreamDescription | undefined> {
  const { source } = reader;
  const bytes = Buffer.alloc(PIECE);
  const last = Math.min(source.size, from + MOST_STATE);
  let tried = 0;
  for (let at = from; at < last; at += PIECE - MARK_SIZE - 1) {
    const piece = bytes.subarray(0, source.read(bytes, at));
    for (let brace = piece.indexOf("{", MARK_SIZE); brace >= 0; brace = piece.indexOf("{", brace + 1)) {
      if (piece[brace - MARK_SIZE] !== MARK) continue;
      const length = piece.readUInt32BE(brace - 4);
      const start = at + brace;
      if (length > MOST_TEXT || start + length > source.size || tried++ === MOST_TRIED) continue;
      const devices = parseDescription(source, start, length);
      if (devices !== undefined) return { end: start + length, devices };
    }
    if (piece.length < PIECE || tried > MOST_TRIED || !reader.maySearch(piece.length)) return undefined;
    yield;
  }
  return undefined;
}

function parseDescription(source: ByteSource, start: number, length: number): readonly DeviceDescription[] | undefined {
  const text = Buffer.alloc(length);
  if (source.read(text, start) < length || text[length - 1] !== 0x7d) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.toString("latin1"));
  } catch {
    return undefined;
  }
  const devices = member(value, "devices");
  if (!Array.isArray(devices)) return undefined;
  return devices.map((device) => ({
    name: textOf(device, "name"),
    instance: numberOf(device, "instance_id", 0),
    state: stateOf(device, 0),
  }));
}

function stateOf(value: unknown, depth: number): StateDescription {
  const list = (key: string): readonly unknown[] => {
    const found = member(value, key);
    return Array.isArray(found) && depth < MOST_DEPTH ? found : [];
  };
  return {
    name: textOf(value, "vmsd_name"),
    fields: list("fields").map((field) => fieldOf(field, depth + 1)),
    subsections: list("subsections").map((part) => stateOf(part, depth + 1)),
  };
}

function fieldOf(value: unknown, depth: number): FieldDescription {
  const index = member(value, "index");
  // The fields of a temporary struct are its own members.
  const parts = member(value, "struct") ?? (member(value, "fields") === undefined ? undefined : value);
  return {
    name: `${textOf(value, "name")}${typeof index === "number" ? `[${index}]` : ""}`,
    size: numberOf(value, "size", 0),
    count: numberOf(value, "array_len", 1),
    parts: parts === undefined ? undefined : stateOf(parts, depth),
  };
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function textOf(value: unknown, key: string): string {
  const found = member(value, key);
  return typeof found === "string" ? found : "";
}

function numberOf(value: unknown, key: string, otherwise: number): number {
  const found = member(value, key);
  return typeof found === "number" && Number.isSafeInteger(found) && found >= 0 ? found : otherwise;
}
