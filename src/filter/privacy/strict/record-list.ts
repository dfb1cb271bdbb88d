import { KEEP, type StrictObjects } from "./strict-pages.js";

/** The most records: 64 MiB; a machine with 1 TiB of slabs has about 30 million objects. */
const MAX_RECORDS = 1 << 21;

/** `count` objects, one behind the other, as in `StrictObjects`. */
export interface StrictRecord {
  readonly start: number;
  readonly stride: number;
  readonly count: number;
  readonly shape: number;
  readonly free: number;
  /** Bytes of the object before this piece of it; objects follow each other in memory. */
  readonly before?: number;
}

/** Collects records of objects whose bytes are known. */
export class RecordList {
  readonly #records: StrictRecord[] = [];
  /** There was more than can be remembered; the rest is tested word by word. */
  cut = false;

  add(record: StrictRecord): void {
    if (this.#records.length < MAX_RECORDS) this.#records.push(record);
    else this.cut = true;
  }

  /** Adds bytes that are kept unchanged. */
  keep(start: number, length: number): void {
    if (length > 0) this.add({ start, stride: length, count: 1, shape: KEEP, free: -1 });
  }

  /**
   * The records in order, for the threads. If two overlap, which only damage causes, the first one counts. `fit` may
   * shorten records, or leave some out.
   */
  records(fit: (record: StrictRecord) => StrictRecord | undefined = (record) => record): StrictObjects {
    const sorted = this.#records
      .map(fit)
      .filter((record) => record !== undefined)
      .sort((a, b) => a.start - b.start);
    const chosen: StrictRecord[] = [];
    let end = 0;
    for (const record of sorted) {
      if (record.start < end) continue;
      chosen.push(record);
      end = record.start + record.stride * record.count;
    }
    const numbers = (of: (record: StrictRecord) => number) => {
      const array = new Float64Array(new SharedArrayBuffer(8 * chosen.length));
      chosen.forEach((record, i) => {
        array[i] = of(record);
      });
      return array;
    };
    const shape = new Int32Array(new SharedArrayBuffer(4 * chosen.length));
    chosen.forEach((record, i) => {
      shape[i] = record.shape;
    });
    return {
      start: numbers((one) => one.start),
      stride: numbers((one) => one.stride),
      count: numbers((one) => one.count),
      shape,
      free: numbers((one) => one.free),
    };
  }
}
