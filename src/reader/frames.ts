import { encodeNote } from "./cpu-notes/encode-notes.js";
import { type Extents, type Piece, sourceOf, toExtents } from "./extents.js";
import { fields } from "./fields.js";
import type { Note } from "./notes.js";
import type { PhysicalMemory } from "./physical-memory.js";

/*
 * Page tables of a paravirtualised Xen domain have the host's page numbers (machine frames). Coresieve writes a note
 * with the page that each frame stands for into every output. Without it neither coresieve nor any other program finds
 * a page through these page tables.
 */

const OWNER = "CORESIEVE";
/**
 * "FRM". It is not a small number because readers mistake a small type for one of their own, whoever owns the note
 * (readelf calls 1 NT_PRSTATUS).
 */
const FRAMES = 0x46_524d;
/** u64 machine frame, u64 pfn, u64 count: so many pages follow each other in both spaces. */
const ENTRY = 24;
/** 24 MiB of notes, which are held in memory. A domain of 4 GiB without two neighbouring frames has as many. */
const MOST_ENTRIES = 1 << 20;
/** Page size of x86: only x86 has such domains. */
const FRAME = 4096;

/** Machine frames that follow each other, and the pages that they stand for. */
export interface FrameRun {
  readonly frame: number;
  readonly pfn: number;
  readonly count: number;
}

/** The note that translates machine frames; `undefined` if it would be too long. */
export function framesNote(runs: readonly FrameRun[]): Uint8Array | undefined {
  if (runs.length > MOST_ENTRIES) return undefined;
  const desc = new Uint8Array(ENTRY * runs.length);
  const view = new DataView(desc.buffer);
  runs.forEach(({ frame, pfn, count }, i) => {
    [frame, pfn, count].forEach((value, at) => {
      view.setBigUint64(ENTRY * i + 8 * at, BigInt(value), true);
    });
  });
  return encodeNote(OWNER, FRAMES, desc, true);
}

/**
 * The translation in that note of a dump, in bytes; `undefined` if it has no such note. Impossible entries are skipped.
 */
export function framesOf(notes: readonly Note[]): Extents | undefined {
  const note = notes.find(({ name, type }) => name === OWNER && type === FRAMES);
  if (note === undefined) return undefined;
  const view = fields(note.desc, true, "");
  const most = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / FRAME));
  const runs: FrameRun[] = [];
  const entries = Math.min(MOST_ENTRIES, Math.floor(note.desc.length / ENTRY));
  for (let i = 0; i < entries; i++) {
    const values = [0, 8, 16].map((at) => view.u64(ENTRY * i + at));
    if (values.some((value) => value > most)) continue;
    const [frame, pfn, count] = values.map(Number) as [number, number, number];
    if (frame + count <= Number(most) && pfn + count <= Number(most)) runs.push({ frame, pfn, count });
  }
  return extentsOf(runs);
}

/** In ascending order. If a frame occurs twice, the first entry counts. */
function extentsOf(runs: readonly FrameRun[]): Extents {
  const order = runs
    .map((_, i) => i)
    .sort((a, b) => (runs[a] as FrameRun).frame - (runs[b] as FrameRun).frame || a - b);
  const pieces: Piece[] = [];
  let end = 0;
  for (const i of order) {
    const { frame, pfn, count } = runs[i] as FrameRun;
    const first = Math.max(frame, end);
    if (first >= frame + count) continue;
    end = frame + count;
    pieces.push({ start: first * FRAME, end: end * FRAME, source: (pfn + first - frame) * FRAME });
  }
  return toExtents(pieces);
}

/** Memory whose page tables have machine frames. */
export function withFrames(memory: PhysicalMemory, frames: Extents | undefined): PhysicalMemory {
  return frames === undefined ? memory : { ...memory, physicalOf: (address) => sourceOf(frames, address) };
}
