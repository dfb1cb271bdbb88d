import { DumpError } from "../../errors.js";
import type { WarningParts } from "../../warnings.js";
import { cutOffError } from "../damage.js";
import { layer, type Piece } from "../extents.js";
import { type ByteSource, readInto } from "../source/byte-source.js";
import { damageOf } from "../tolerant-memory.js";

/** Bytes before the first record: 16 of signature, type and version (big endian, 1 and 1), zero padding. */
export const FLATTENED_HEADER_SIZE = 4096;
/** Each record starts with its target offset and its size, 64 bits each, big endian on every machine. */
export const RECORD_HEADER_SIZE = 16;
/** The signature is padded with NULs to 16 bytes; "makedumpfile" alone also begins ordinary text files. */
export const FLATTENED_SIGNATURE = "makedumpfile\0\0\0\0";

/**
 * Where each byte of the inner file is. A run stands for records that follow each other in both files, because a dump
 * of a terabyte has tens of millions of records: any number of records of one size (makedumpfile's), or up to
 * MAX_JOINED of different sizes (QEMU's, which flushes its buffers when the next page does not fit). Parallel arrays in
 * shared memory, ascending and disjoint by `start`.
 */
export interface FlattenedIndex {
  readonly count: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** File offset of the first record's payload. */
  readonly source: Float64Array;
  /** Payload bytes of each record of a run except the last; 0 if they differ: then the records' headers have them. */
  readonly record: Float64Array;
  /** Length of the inner file. */
  readonly size: number;
  /** Where the stream was cut off, as an offset in the flattened file, and how that was noticed. */
  readonly cut: { readonly offset: number; readonly why: WarningParts } | undefined;
}

interface Run extends Piece {
  readonly record: number;
}

/** A record in a run of different sizes is found by walking the headers before it: a few microseconds at most. */
const MAX_JOINED = 64;

/** Whether the file begins with the flattened format's signature. */
export function isFlattened(head: Uint8Array): boolean {
  return head.length >= 16 && Buffer.from(head.subarray(0, 16)).toString("latin1") === FLATTENED_SIGNATURE;
}

/**
 * Reads all record headers. Records may come in any order; if two contain the same byte the later record wins, as when
 * they are replayed in order. Throws `CORRUPT`, `UNSUPPORTED` and `TRUNCATED`. With `salvage`, records are read up to
 * where the stream is cut off or damaged.
 */
export function readFlattenedIndex(source: ByteSource, salvage = false): FlattenedIndex {
  const header = Buffer.alloc(32);
  readInto(source, header, 0, "flattened header");
  const type = header.readBigInt64BE(16);
  const version = header.readBigInt64BE(24);
  if (type !== 1n || version !== 1n) {
    throw new DumpError(
      "UNSUPPORTED",
      `flattened format of type ${type}, version ${version}; coresieve reads type 1, version 1`,
      {
        file: source.name,
        offset: 16,
        cure: "Rearrange it with the program that made it",
      },
    );
  }
  const runs: Run[] = [];
  let cut: FlattenedIndex["cut"];
  try {
    readRuns(source, runs);
  } catch (error) {
    if (!salvage) throw error;
    const damage = damageOf(error);
    cut = { offset: damage.offset ?? source.size, why: { summary: damage.summary, reason: damage.reason } };
  }
  return { ...indexRuns(source, runs), cut };
}

/**
 * Collects all records in file order, also the part of one that is cut off. Records that continue each other are
 * joined.
 */
function readRuns(source: ByteSource, runs: Run[]): void {
  const header = Buffer.alloc(RECORD_HEADER_SIZE);
  let position = FLATTENED_HEADER_SIZE;
  let current: { start: number; end: number; source: number; record: number } | undefined;
  /** Number of records in the current run, and the size of the last one. */
  let joined = 0;
  let lastLength = 0;
  for (;;) {
    readInto(source, header, position, "flattened records (the end marker is missing)");
    const target = header.readBigInt64BE(0);
    const size = header.readBigInt64BE(8);
    if (target === -1n && size === -1n) break;
    if (target < 0n || size <= 0n || target + size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new DumpError("CORRUPT", `flattened record for offset ${target} of ${size} bytes`, {
        file: source.name,
        offset: position,
        cure: "The stream was damaged on its way: fetch it again",
      });
    }
    const payload = position + RECORD_HEADER_SIZE;
    const start = Number(target);
    const length = Number(size);
    if (payload + length > source.size) {
      // Needed for salvage.
      const there = source.size - payload;
      if (there > 0) runs.push({ start, end: start + there, source: payload, record: there });
      throw cutOffError(
        source.name,
        `ends within a record: ${length} bytes expected, ${source.size - payload} are there`,
        payload,
      );
    }
    // In the flattened file records always follow each other.
    const uniform: boolean = current !== undefined && lastLength === current.record && length <= current.record;
    if (current !== undefined && current.end === start && (uniform || joined < MAX_JOINED)) {
      current.end += length;
      if (!uniform) current.record = 0;
      joined++;
    } else {
      current = { start, end: start + length, source: payload, record: length };
      runs.push(current);
      joined = 1;
    }
    lastLength = length;
    position = payload + length;
  }
}

function indexRuns(outer: ByteSource, runs: readonly Run[]): Omit<FlattenedIndex, "cut"> {
  const sequence = new Map(runs.map((run, i) => [run, i]));
  const sorted = [...runs].sort((a, b) => a.start - b.start || (sequence.get(a) ?? 0) - (sequence.get(b) ?? 0));
  // Runs that overlap no other run stay as they are. The few that overlap (a header that was written twice) are split
  // into records, and the records are layered.
  // records, and the records layered.
  const clean: Run[] = [];
  const tangled: Run[] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < sorted.length; i++) {
    const run = sorted[i] as Run;
    const following = sorted[i + 1];
    const touches = run.start < end || (following !== undefined && following.start < run.end);
    (touches ? tangled : clean).push(run);
    end = Math.max(end, run.end);
  }
  if (tangled.length > 0) {
    tangled.sort((a, b) => (sequence.get(b) ?? 0) - (sequence.get(a) ?? 0));
    const layered = layer(tangled.flatMap((run) => recordsOf(outer, run).reverse()));
    for (let i = 0; i < layered.count; i++) {
      const start = layered.start[i] as number;
      const pieceEnd = layered.end[i] as number;
      clean.push({ start, end: pieceEnd, source: layered.source[i] as number, record: pieceEnd - start });
    }
    clean.sort((a, b) => a.start - b.start);
  }
  const column = (pick: (run: Run) => number) => {
    const array = new Float64Array(new SharedArrayBuffer(8 * clean.length));
    for (let i = 0; i < clean.length; i++) array[i] = pick(clean[i] as Run);
    return array;
  };
  return {
    count: clean.length,
    start: column((run) => run.start),
    end: column((run) => run.end),
    source: column((run) => run.source),
    record: column((run) => run.record),
    size: clean.at(-1)?.end ?? 0,
  };
}

function recordsOf(outer: ByteSource, run: Run): Piece[] {
  const records: Piece[] = [];
  for (let start = run.start, source = run.source; start < run.end; ) {
    const length = run.record === 0 ? recordSize(outer, source) : Math.min(run.record, run.end - start);
    records.push({ start, end: start + length, source });
    start += length;
    source += length + RECORD_HEADER_SIZE;
  }
  return records;
}

/** The size in the header of the record whose payload is at `payload`. It was checked when the index was made. */
export function recordSize(outer: ByteSource, payload: number): number {
  const size = Buffer.alloc(8);
  readInto(outer, size, payload - 8, "flattened record");
  const value = size.readBigInt64BE(0);
  if (value <= 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DumpError("CORRUPT", `flattened record of ${value} bytes`, {
      file: outer.name,
      offset: payload - 8,
      cure: "The file changed while it was read",
    });
  }
  return Number(value);
}
