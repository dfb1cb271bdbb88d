import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { cutOffError } from "../damage.js";
import { type Extents, layer, type Piece } from "../extents.js";
import { fields } from "../fields.js";
import { type ByteSource, readWhatIsThere } from "../source/byte-source.js";
import { attachSource } from "../source/source-image.js";
import { HEADER, type Volume } from "./header.js";

/*
 * Where the memory of a stand-alone dump is in its files. A dump that is not extended has all memory behind the header,
 * and continues behind the next volume's header. An extended dump has segments, each behind a head of one page {u64
 * start, u64 length, u64 stop marker}: they are megabytes that are not all zeros, and memory between them is zeros. The
 * last segment has the stop marker, and is followed by the end mark.
 */

const END = "DUMP_END";
const PAGE = 4096;
const MIB = 1 << 20;
/**
 * The most segments. They are whole megabytes: enough for 64 GiB of memory in alternate segments, or any memory in
 * larger ones.
 */
const MOST_SEGMENTS = 1 << 20;

/** Where the memory of a dump is. */
export interface Places {
  readonly data: Extents;
  /** Memory that is all zeros according to the dump. */
  readonly zeros?: Extents;
  /** What is missing, if the dump ends too early. */
  readonly cut?: string;
  /** Where the end mark must be: index of the volume, and offset in it. */
  readonly end?: { readonly volume: number; readonly offset: number };
}

/**
 * Sorts volumes. Throws `BAD_OPTION` if the files do not belong to one dump, or if some are missing, unless the dump is
 * salvaged.
 */
export function orderVolumes(volumes: readonly Volume[], salvage: boolean): Volume[] {
  const [first] = volumes as readonly [Volume];
  if (volumes.length === 1 && (first.number ?? 0) === 0) return [first];
  const sorted = [...volumes].sort((a, b) => (a.number ?? -1) - (b.number ?? -1));
  const cure = "Name the copies of all volumes of one dump, and nothing else";
  const strange = sorted.find(
    ({ number, clock, extended }) => number === undefined || clock !== first.clock || extended !== first.extended,
  );
  if (strange !== undefined)
    throw new DumpError("BAD_OPTION", "is not a volume of the same stand-alone dump", { file: name(strange), cure });
  const missing = sorted.findIndex(({ number }, i) => number !== i);
  if (missing >= 0 && !salvage) {
    const what = `is volume ${sorted[missing]?.number} of a stand-alone dump, and volume ${missing} was not named`;
    throw new DumpError("BAD_OPTION", what, {
      file: name(sorted[missing] as Volume),
      cure: `${cure}; ${OPTION.salvage} reads what is there of it`,
    });
  }
  return sorted;
}

function name({ image }: Volume): string {
  return image.file.path;
}

/** The places of memory that is stored completely. */
export function plainPlaces(volumes: readonly Volume[]): Places {
  const { start, size } = volumes[0] as Volume;
  const pieces: Piece[] = [];
  let [at, base, last] = [0, 0, 0];
  volumes.forEach(({ image, number }, i) => {
    const bytes = attachSource(image).size;
    const there = Math.floor((bytes - HEADER) / PAGE) * PAGE;
    // Without the volumes before it, the address of a volume's memory is not known.
    const follows = number === undefined || number === i;
    const length = follows ? Math.max(0, Math.min(size - at, volumes.length === 1 ? bytes - HEADER : there)) : 0;
    if (length > 0) pieces.push({ start: start + at, end: start + at + length, source: base + HEADER });
    if (length > 0) last = i;
    at += length;
    base += bytes;
  });
  const data = layer(pieces);
  if (at < size) {
    const others = volumes[0]?.number === undefined ? "" : ": the copies of its other volumes must be named with it";
    return { data, cut: `ends after ${at} bytes of its memory, of which there are ${size}${others}` };
  }
  const piece = pieces.at(-1);
  const before = volumes.slice(0, last).reduce((sum, { image }) => sum + attachSource(image).size, 0);
  return { data, end: { volume: last, offset: (piece?.source ?? 0) - before + (piece ? piece.end - piece.start : 0) } };
}

/**
 * The places of segments. Throws `CORRUPT` for a segment that is outside of the memory or before the previous one,
 * `LIMIT`.
 */
export function extendedPlaces(volumes: readonly Volume[]): Places {
  const { start: first, size } = volumes[0] as Volume;
  const [pieces, zeros]: [Piece[], Piece[]] = [[], []];
  let behind = first;
  let base = 0;
  let cut: string | undefined;
  let isLost = false;
  for (const [volume, { image, number }] of volumes.entries()) {
    const source = attachSource(image);
    let at = HEADER;
    // In a volume that is not the last one, the room behind the last segment is smaller than another segment, and has
    // old data.
    const ends = number === undefined || (number > 0 && volume === volumes.length - 1);
    const least = ends ? PAGE : PAGE + MIB + 1;
    // The content of a missing volume is not known: memory before the first segment after it may not be zeros.
    const expected = (volumes[volume - 1]?.number ?? -1) + 1;
    if ((number ?? 0) !== expected) cut ??= `lacks volume ${expected}, which was not named`;
    let unknown = isLost || (number ?? 0) !== expected;
    isLost = false;
    while (at + least <= source.size) {
      const { start, end, last } = segmentAt(source, at, behind, first + size);
      if (pieces.length === MOST_SEGMENTS) throw tooMany(source);
      at += PAGE;
      if (start > behind && !unknown) zeros.push({ start: behind, end: start, source: 0 });
      const there = Math.max(0, Math.min(end - start, source.size - at));
      pieces.push({ start, end: start + there, source: base + at });
      if (end > start) unknown = false;
      behind = end;
      at += end - start;
      if (there < end - start) {
        cut ??= cutAt(source, at);
        isLost = true;
        break;
      }
      if (!last) continue;
      if (behind < first + size && !unknown) zeros.push({ start: behind, end: first + size, source: 0 });
      return { ...found(pieces, zeros), ...(cut && { cut }), end: { volume, offset: at } };
    }
    base += source.size;
  }
  return { ...found(pieces, zeros), cut: cut ?? "has no last segment: a volume is missing, or it was cut off" };
}

function found(pieces: readonly Piece[], zeros: readonly Piece[]) {
  return { data: layer(pieces), zeros: layer(zeros) };
}

function segmentAt(source: ByteSource, at: number, behind: number, most: number) {
  const head = fields(readWhatIsThere(source, at, 24), false, source.name);
  const [start, length] = [head.u64Number(0, "start of a segment"), head.u64Number(8, "length of a segment")];
  // If the rest of memory is all zeros, the last segment is empty.
  const last = head.u64(16) !== 0n;
  const isNone = length === 0 && start === 0 && last;
  const end = isNone ? behind : start + length;
  if ((!isNone && (length === 0 || start < behind)) || end > most || start % PAGE !== 0 || length % PAGE !== 0) {
    throw cutOffError(
      source.name,
      `has a segment of ${length} bytes at 0x${start.toString(16)}, outside of its memory or of the order`,
      at,
      "CORRUPT",
    );
  }
  return { start: isNone ? behind : start, end, last };
}

function cutAt(source: ByteSource, end: number): string {
  return `ends at byte ${source.size}; its last segment goes on to ${end}`;
}

function tooMany(source: ByteSource): DumpError {
  return cutOffError(source.name, `has more than ${MOST_SEGMENTS} segments`, undefined, "LIMIT");
}

/** What is wrong with the end mark. Without the mark, or with an older one, the dump was never finished. */
export function endProblem({ image, clock }: Volume, at: number): string | undefined {
  const source = attachSource(image);
  const mark = readWhatIsThere(source, at, END.length + 8);
  if (mark.length < END.length + 8 || Buffer.from(mark.subarray(0, END.length)).toString("latin1") !== END)
    return "has no mark of its end: the dump was never finished";
  return fields(mark, false, source.name).u64(END.length) < clock
    ? "has a mark of its end that is older than its beginning: it is that of an earlier dump"
    : undefined;
}
