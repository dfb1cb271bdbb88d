/** Any file wrapped in the flattened format: a stream of "put these bytes at this offset" records. */

import { ByteBuffer, type Integer, randomSource } from "./bytes.js";

export interface FlatRecord {
  readonly offset: Integer;
  readonly bytes: Uint8Array;
  /** Size stated in the record instead of the true one. */
  readonly statedSize?: Integer;
}

export interface FlattenOptions {
  /** Bytes per record; default 65,536. */
  readonly recordSize?: number;
  /** Default "forward". "shuffled" is repeatable by `seed`. */
  readonly order?: "forward" | "reversed" | "shuffled";
  readonly seed?: number;
  /** Makes each record begin that many bytes early, over the end of the one before it (same content). */
  readonly overlap?: number;
  /** Writes every record first with wrong content (0xa5), so that only "the later record wins" gives the file. */
  readonly staleFirst?: boolean;
  /** Leaves out every aligned run of that many zero bytes: a hole which reads as zero. */
  readonly dropZeroRuns?: number;
  /** Records in front of and behind the others. */
  readonly before?: readonly FlatRecord[];
  readonly after?: readonly FlatRecord[];
  readonly endMarker?: boolean;
  /** Bytes behind the end marker. */
  readonly trailing?: Uint8Array;
  readonly signature?: string;
  readonly type?: Integer;
  readonly version?: Integer;
  /** Cuts the finished file to that many bytes. */
  readonly truncateTo?: number;
}

/** The flattened form of `inner`. */
export function flatten(inner: Uint8Array, options: FlattenOptions = {}): Uint8Array {
  const records = arrange(cut(inner, options), options);
  return flattenRecords([...(options.before ?? []), ...records, ...(options.after ?? [])], options);
}

/** A flattened file of exactly these records. */
export function flattenRecords(records: readonly FlatRecord[], options: FlattenOptions = {}): Uint8Array {
  const out = new ByteBuffer("big", 8192);
  out.text(options.signature ?? "makedumpfile", 16);
  out.u64(options.type ?? 1).u64(options.version ?? 1);
  out.seek(4096);
  for (const record of records) {
    out
      .u64(record.offset)
      .u64(record.statedSize ?? record.bytes.length)
      .bytes(record.bytes);
  }
  if (options.endMarker ?? true) {
    out.u64(-1).u64(-1);
  }
  if (options.trailing !== undefined) {
    out.bytes(options.trailing);
  }
  if (out.length < 4096) {
    out.seek(4095).u8(0);
  }
  const bytes = out.toBytes();
  return options.truncateTo === undefined ? bytes : bytes.slice(0, options.truncateTo);
}

function cut(inner: Uint8Array, options: FlattenOptions): FlatRecord[] {
  const recordSize = options.recordSize ?? 65_536;
  const overlap = options.overlap ?? 0;
  const records: FlatRecord[] = [];
  for (const run of runsToWrite(inner, options.dropZeroRuns)) {
    for (let at = run.start; at < run.end; at += recordSize) {
      const start = Math.max(run.start, at - overlap);
      records.push({ offset: start, bytes: inner.subarray(start, Math.min(at + recordSize, run.end)) });
    }
  }
  return records;
}

/** The stretches of the file to write: all of it, or what is left without whole units of zeros. */
function runsToWrite(inner: Uint8Array, unit: number | undefined): { start: number; end: number }[] {
  if (unit === undefined) {
    return [{ start: 0, end: inner.length }];
  }
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < inner.length; start += unit) {
    const end = Math.min(start + unit, inner.length);
    const isLast = end === inner.length;
    if (!isLast && inner.subarray(start, end).every((byte) => byte === 0)) {
      continue;
    }
    const previous = runs.at(-1);
    if (previous !== undefined && previous.end === start) {
      previous.end = end;
    } else {
      runs.push({ start, end });
    }
  }
  return runs;
}

function arrange(records: readonly FlatRecord[], options: FlattenOptions): FlatRecord[] {
  const ordered = [...records];
  if (options.order === "reversed") {
    ordered.reverse();
  } else if (options.order === "shuffled") {
    const random = randomSource(options.seed ?? 1);
    for (let last = ordered.length - 1; last > 0; last--) {
      const pick = random() % (last + 1);
      const [one, other] = [ordered[last], ordered[pick]];
      if (one !== undefined && other !== undefined) {
        ordered[last] = other;
        ordered[pick] = one;
      }
    }
  }
  if (options.staleFirst) {
    const stale = ordered.map((record) => ({
      offset: record.offset,
      bytes: new Uint8Array(record.bytes.length).fill(0xa5),
    }));
    return [...stale, ...ordered];
  }
  return ordered;
}
