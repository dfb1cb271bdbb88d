import { LANDMARK_BYTES, type Landmark } from "./landmarks.js";
import { LANDMARK_TABLES, loadSearchModule } from "./load-search.js";
import type { Searcher } from "./searcher.js";
import type { PatternTable } from "./text-search.js";

/** Bits of a byte: the number of landmarks that are distinguished at once. */
const MARKS = 8;
/** If more than one of 32 bytes has a landmark, reading everything is as fast. */
const TOO_MANY = 32;
/** Numbers per place in the module's output: the place, and its marks. */
const NUMBERS = 2;

/**
 * Returns for each table, ascending, the places of the input where a match may be; `undefined` for a table whose
 * patterns lack a landmark, and if there are too many places. Reads 16 bytes at once: 0.2 ns per byte, for eight
 * landmarks.
 */
export type FindLandmarks = (from: number, to: number) => readonly (readonly number[] | undefined)[];

/** What is searched for at once: the marks of each table's landmarks. */
interface Round {
  readonly marksOf: Map<number, number>;
  readonly tables: Uint8Array;
}

/** `undefined` if no table has landmarks. */
export function landmarkSearch(tables: readonly PatternTable[], searcher: Searcher): FindLandmarks | undefined {
  const rounds = roundsOf(tables);
  if (rounds.length === 0) return undefined;
  const { input, memory, inputAt, landmarksAt, mostLandmarks } = searcher;
  const module = loadSearchModule(memory);
  const there = new Uint8Array(memory.buffer, landmarksAt, LANDMARK_TABLES);
  const outAt = landmarksAt + LANDMARK_TABLES;
  const out = new Uint32Array(memory.buffer, outAt, NUMBERS * mostLandmarks);
  return (from, to) => {
    const places: (readonly number[] | undefined)[] = tables.map(() => undefined);
    for (const round of rounds) {
      there.set(round.tables);
      const most = Math.ceil((to - from) / TOO_MANY);
      const near = [...round.marksOf].map(
        ([table, marks]) => [table, new Near(marks, (tables[table] as PatternTable).breaks, most)] as const,
      );
      for (let at = from; at < to && near.some(([, { places }]) => places !== undefined); ) {
        const count = module.landmarks(landmarksAt, inputAt, at, to, outAt, mostLandmarks);
        for (let i = 0; i < NUMBERS * count; i += NUMBERS) {
          for (const [, one] of near) one.add(input, out[i] as number, out[i + 1] as number);
        }
        at = count === mostLandmarks ? (out[NUMBERS * (count - 1)] as number) + 1 : to;
      }
      for (const [table, one] of near) places[table] = one.places;
    }
    return places;
  };
}

/**
 * Each round has as many tables as there are marks for. If a table has more landmarks than there are marks, some share
 * one.
 */
function roundsOf(tables: readonly PatternTable[]): Round[] {
  const rounds: Round[] = [];
  let used = MARKS;
  for (const [t, { landmarks }] of tables.entries()) {
    if (landmarks === undefined) continue;
    const different = new Map(
      landmarks.map((landmark) => [landmark.map((set) => Buffer.from(set).toString("latin1")).join(), landmark]),
    );
    if (used + different.size > MARKS) {
      rounds.push({ marksOf: new Map(), tables: new Uint8Array(LANDMARK_TABLES) });
      used = 0;
    }
    const round = rounds.at(-1) as Round;
    let all = 0;
    for (const landmark of different.values()) {
      const mark = 1 << (used++ % MARKS);
      all |= mark;
      write(round.tables, mark, landmark);
    }
    round.marksOf.set(t, all);
  }
  return rounds;
}

/** Collects the places of one table. */
class Near {
  places: number[] | undefined = [];
  #last = -1;

  constructor(
    private readonly marks: number,
    private readonly breaks: Uint8Array,
    private readonly most: number,
  ) {}

  add(input: Uint8Array, place: number, marks: number): void {
    if ((marks & this.marks) === 0 || this.places === undefined) return;
    // The bytes around this place are read together with those of the previous place.
    const isRead = place === this.#last + 1 && this.breaks[input[place] as number] === 0;
    this.#last = place;
    if (isRead) return;
    if (this.places.length === this.most) this.places = undefined;
    else this.places.push(place);
  }
}

/**
 * Sets a landmark's mark for each of its bytes, by their lower and upper four bits and whole; search.as.ts describes
 * the tables.
 */
function write(tables: Uint8Array, mark: number, landmark: Landmark): void {
  for (let place = 0; place < LANDMARK_BYTES; place++) {
    const halves = 32 * place;
    const whole = 32 * LANDMARK_BYTES + 256 * place;
    for (let byte = 0; byte < 256; byte++) {
      // Behind a short landmark any byte may follow.
      if (landmark[place] !== undefined && landmark[place]?.[byte] !== 1) continue;
      for (const at of [halves + (byte & 15), halves + 16 + (byte >> 4), whole + byte]) {
        tables[at] = (tables[at] as number) | mark;
      }
    }
  }
}
