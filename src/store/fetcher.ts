import { DumpError, plainDumpError } from "../errors.js";
import { foreignReason } from "../option-words.js";
import {
  ANSWERED,
  ASKING,
  type BlockCache,
  EMPTY,
  FAILED,
  LINE,
  LINES,
  LOADING,
  MAX_OBJECTS,
  OWNED,
  READY,
  setFailure,
} from "./block-cache.js";
import { copyBytes } from "./copy-bytes.js";
import { FetchPlan } from "./fetch-plan.js";
import type { HttpLocation, ObjectLocation } from "./store-types.js";

/**
 * The most bytes of one request. At 100 MB/s, the speed of one connection, they take 40 ms; the first byte from a store
 * takes 10 to 50.
 */
export const MOST_FETCHED = 4 * 2 ** 20;
/** Requests for bytes for which no thread waits yet. */
const AHEAD_REQUESTS = 6;
/** Lines that are fetched ahead and not read yet, including those that are being fetched: 20 MiB. */
const AHEAD_LINES = 320;
/** Sequences of reads that are distinguished if there is no plan. */
const STREAMS = 32;

type BytesAsked = [
  offset: number,
  length: number,
  etag: string,
  take: (chunk: Uint8Array, done: number) => void,
  onTry: () => void,
];

/** The source of bytes: a store, or web servers. See `S3Store.stream`. */
export interface ByteStore<Location> {
  stream(at: Location, ...range: BytesAsked): Promise<void>;
}

/** An object that is being read. */
interface OpenObject {
  /** Fetches its bytes from its source. */
  readonly stream: (...range: BytesAsked) => Promise<void>;
  readonly size: number;
  readonly etag: string;
  readonly plan: FetchPlan;
  /** Where reads without a plan are expected to continue, and how much to fetch there; the last used comes last. */
  readonly streams: { next: number; length: number }[];
}

/** Bytes of an object that are being fetched. */
interface Loading {
  readonly object: number;
  readonly start: number;
  readonly end: number;
}

/** A request of a waiting thread. */
interface Waiting {
  readonly mailbox: number;
  readonly object: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Fills the cache: first with what threads wait for, then with what the run has announced. Runs in the store thread.
 * Only the cache is shared.
 */
export class Fetcher {
  readonly #objects = new Map<number, OpenObject>();
  readonly #loading = new Set<Loading>();
  readonly #waiting = new Map<number, Waiting>();
  #aheadRequests = 0;

  constructor(private readonly cache: BlockCache) {}

  /** Registers an object. Returns its number. */
  open<Location extends ObjectLocation | HttpLocation>(
    store: ByteStore<Location>,
    at: Location,
    size: number,
    etag: string,
  ): number {
    // Numbers of closed objects are reused when no more data for them are being fetched: there are few numbers, and a
    // worker of a queue opens objects for months.
    let object = 1;
    while (this.#objects.has(object) || [...this.#loading].some((one) => one.object === object)) object++;
    if (object >= MAX_OBJECTS) {
      throw new DumpError("LIMIT", `more than ${MAX_OBJECTS - 1} objects of stores are open in one process`, {
        cure: "Close dumps that are not read any more",
      });
    }
    this.#forget(object);
    const stream: OpenObject["stream"] = (...range) => store.stream(at, ...range);
    this.#objects.set(object, { stream, size, etag, plan: new FetchPlan(), streams: [] });
    return object;
  }

  /** The object is not read any more. */
  close(object: number): void {
    this.#objects.delete(object);
    this.#notAhead(object);
  }

  /** Lines of a closed object that were fetched ahead must not count as ahead for ever. */
  #notAhead(object: number): void {
    const { object: objects, ahead } = this.cache;
    for (let slot = 0; slot < LINES; slot++) if (objects[slot] === object) Atomics.store(ahead, slot, 0);
  }

  /** Removes all lines of this number from the cache. */
  #forget(object: number): void {
    const { object: objects, line, fetched, requests } = this.cache;
    for (let slot = 0; slot < LINES; slot++) if (objects[slot] === object) line[slot] = -1;
    [fetched[object], requests[object]] = [0, 0];
  }

  /**
   * Announces what will be read next of an object: pairs of start and end, ascending. With `anew` they replace the
   * plan, otherwise they are added to it.
   */
  follow(object: number, ranges: Float64Array, anew: boolean): void {
    const plan = this.#objects.get(object)?.plan;
    if (anew) {
      plan?.clear();
      this.#notAhead(object);
    }
    plan?.add(ranges);
    this.pump();
  }

  /** Starts whatever can be done. Called when the bell has rung or a request has ended. */
  pump(): void {
    const { control, mailState, mailObject, mailStart, mailEnd } = this.cache;
    const mailboxes = Math.min(Atomics.load(control, 1), mailState.length);
    for (let mailbox = 0; mailbox < mailboxes; mailbox++) {
      if (Atomics.load(mailState, mailbox) !== ASKING || this.#waiting.has(mailbox)) continue;
      const waiting = {
        mailbox,
        object: mailObject[mailbox] as number,
        start: mailStart[mailbox] as number,
        end: mailEnd[mailbox] as number,
      };
      this.#waiting.set(mailbox, waiting);
      this.#demand(waiting);
    }
    this.#answerThose(() => true);
    this.#fetchAhead();
  }

  /** Starts fetching what is missing for a waiting thread. */
  #demand(waiting: Waiting): void {
    const object = this.#objects.get(waiting.object);
    if (object === undefined) {
      this.#fail(waiting, closed());
      return;
    }
    // If the plan contains the bytes soon, the pieces of the plan are fetched.
    for (const range of object.plan.upTo(waiting.start, waiting.end, MOST_FETCHED))
      this.#load(waiting.object, range.start, range.end, true);
    let start = waiting.start;
    while (start < waiting.end) {
      const end = Math.min(waiting.end, (Math.floor(start / LINE) + 1) * LINE);
      if (this.#has(waiting.object, start, end) || this.#comes(waiting.object, start, end)) {
        start = end;
        continue;
      }
      // Whole lines, to the end of what is missing; further if reads are sequential.
      const from = Math.floor(start / LINE) * LINE;
      let to = Math.ceil(waiting.end / LINE) * LINE;
      if (object.plan.empty) to = Math.max(to, from + this.#streamLength(object, from, to));
      to = Math.min(to, object.size, from + MOST_FETCHED);
      this.#load(waiting.object, from, to, false);
      start = to;
    }
  }

  /**
   * How many bytes from `from` on one request should fetch: twice as many each time a read continues where the last one
   * ended.
   */
  #streamLength(object: OpenObject, from: number, to: number): number {
    const { streams } = object;
    const found = streams.findIndex(({ next }) => next === from);
    const [stream] = found < 0 ? [{ next: 0, length: 0 }] : streams.splice(found, 1);
    if (stream === undefined) return 0;
    stream.length = found < 0 ? to - from : Math.min(MOST_FETCHED, Math.max(2 * stream.length, to - from));
    stream.next = from + stream.length;
    streams.push(stream);
    if (streams.length > STREAMS) streams.shift();
    return stream.length;
  }

  #fetchAhead(): void {
    // One piece per object in turn, because two dumps that are compared are read alternately.
    for (let planned = true; planned; ) {
      planned = false;
      for (const [number, { plan }] of this.#objects) {
        if (plan.empty) continue;
        if (this.#aheadRequests >= AHEAD_REQUESTS || AHEAD_LINES - this.#aheadLines() < MOST_FETCHED / LINE) return;
        const range = plan.next(MOST_FETCHED);
        if (range === undefined) continue;
        planned = true;
        this.#load(number, range.start, range.end, true);
      }
    }
  }

  #aheadLines(): number {
    const { ahead } = this.cache;
    let lines = 0;
    for (let slot = 0; slot < LINES; slot++) lines += ahead[slot] as number;
    return lines;
  }

  /** Whether the cache has these bytes, which must be of one line. */
  #has(object: number, start: number, end: number): boolean {
    const line = Math.floor(start / LINE);
    const { line: lines, object: objects, state, from, to } = this.cache;
    for (let slot = lines.indexOf(line); slot >= 0; slot = lines.indexOf(line, slot + 1)) {
      if (objects[slot] !== object || state[slot] !== READY) continue;
      if ((from[slot] as number) <= start - line * LINE && (to[slot] as number) >= end - line * LINE) return true;
    }
    return false;
  }

  #comes(object: number, start: number, end: number): boolean {
    for (const one of this.#loading) if (one.object === object && one.start <= start && one.end >= end) return true;
    return false;
  }

  /** Fetches bytes into lines of the cache, and answers threads as soon as their bytes are there. */
  #load(object: number, start: number, to: number, ahead: boolean): void {
    const open = this.#objects.get(object);
    const end = Math.min(to, open?.size ?? 0);
    if (open === undefined || end <= start) return;
    const cache = this.cache;
    const first = Math.floor(start / LINE);
    const count = Math.ceil(end / LINE) - first;
    const slots: number[] = [];
    for (let i = 0; i < count; i++) {
      const slot = this.#freeSlot();
      // All lines are being read or filled. A thread that needs these bytes will request them again.
      if (slot === undefined) break;
      slots.push(slot);
      cache.object[slot] = object;
      cache.line[slot] = first + i;
      cache.from[slot] = Math.max(0, start - (first + i) * LINE);
      cache.to[slot] = Math.min(LINE, end - (first + i) * LINE);
      cache.ahead[slot] = ahead ? 1 : 0;
    }
    if (slots.length === 0) return;
    const until = Math.min(end, (first + slots.length) * LINE);
    const loading: Loading = { object, start, end: until };
    this.#loading.add(loading);
    if (ahead) this.#aheadRequests++;
    let whole = 0;
    const take = (chunk: Uint8Array, done: number) => {
      let at = start + done;
      for (let used = 0; used < chunk.length; ) {
        const i = Math.floor(at / LINE) - first;
        const within = at - (first + i) * LINE;
        const n = Math.min(chunk.length - used, LINE - within);
        copyBytes(chunk.subarray(used, used + n), cache.data, (slots[i] as number) * LINE + within);
        used += n;
        at += n;
      }
      cache.fetched[object] = (cache.fetched[object] as number) + chunk.length;
      const before = whole;
      while (whole < slots.length && at >= Math.min(until, (first + whole + 1) * LINE))
        this.#ready(slots[whole++] as number);
      if (whole > before) this.#answerThose((waiting) => waiting.object === object);
    };
    const countTry = () => {
      cache.requests[object] = (cache.requests[object] as number) + 1;
    };
    const settle = () => {
      this.#loading.delete(loading);
      if (ahead) this.#aheadRequests--;
    };
    open.stream(start, until - start, open.etag, take, countTry).then(
      () => {
        settle();
        this.pump();
      },
      (error: unknown) => {
        settle();
        for (const slot of slots.slice(whole)) this.#empty(slot);
        // Threads that wait for these bytes get the error. What was fetched ahead is requested again when it is needed.
        const missing = Math.max(start, (first + whole) * LINE);
        for (const waiting of [...this.#waiting.values()]) {
          if (waiting.object === object && waiting.start < until && waiting.end > missing) this.#fail(waiting, error);
        }
        this.pump();
      },
    );
  }

  /** Empties the line that was not read for the longest time, and owns it until it is filled. */
  #freeSlot(): number | undefined {
    const { pins, state, stamp, ahead } = this.cache;
    for (const unread of [0, 1]) {
      for (;;) {
        let oldest = -1;
        for (let slot = 0; slot < LINES; slot++) {
          if (Atomics.load(pins, slot) !== 0 || (ahead[slot] as number) > unread) continue;
          if (state[slot] === EMPTY) {
            oldest = slot;
            break;
          }
          // The clock has 32 bits and may wrap.
          if (oldest < 0 || (((stamp[slot] as number) - (stamp[oldest] as number)) | 0) < 0) oldest = slot;
        }
        if (oldest < 0) break;
        if (Atomics.compareExchange(pins, oldest, 0, OWNED) !== 0) continue;
        Atomics.store(state, oldest, LOADING);
        return oldest;
      }
    }
    return undefined;
  }

  #ready(slot: number): void {
    const { state, pins, stamp, control } = this.cache;
    stamp[slot] = Atomics.add(control, 2, 1);
    Atomics.store(state, slot, READY);
    Atomics.sub(pins, slot, OWNED);
  }

  #empty(slot: number): void {
    const { state, pins, line, ahead } = this.cache;
    line[slot] = -1;
    Atomics.store(ahead, slot, 0);
    Atomics.store(state, slot, EMPTY);
    Atomics.sub(pins, slot, OWNED);
  }

  /** Answers the threads whose bytes are complete; requests bytes again that have been evicted. */
  #answerThose(which: (waiting: Waiting) => boolean): void {
    for (const waiting of [...this.#waiting.values()]) {
      if (!which(waiting)) continue;
      let coming = false;
      for (let start = waiting.start; start < waiting.end; ) {
        const end = Math.min(waiting.end, (Math.floor(start / LINE) + 1) * LINE);
        coming ||= !this.#has(waiting.object, start, end) && this.#comes(waiting.object, start, end);
        start = end;
      }
      // Bytes that were present may have been evicted meanwhile: then the thread requests them again.
      if (!coming) this.#answer(waiting, ANSWERED);
    }
  }

  #fail(waiting: Waiting, error: unknown): void {
    const known =
      error instanceof DumpError ? error : new DumpError("NOT_READABLE", `the store failed: ${foreignReason(error)}`);
    setFailure(this.cache, waiting.mailbox, plainDumpError(known));
    this.#answer(waiting, FAILED);
  }

  #answer({ mailbox }: Waiting, state: number): void {
    this.#waiting.delete(mailbox);
    Atomics.store(this.cache.mailState, mailbox, state);
    Atomics.notify(this.cache.mailState, mailbox);
  }
}

function closed(): DumpError {
  return new DumpError("ABORTED", "the input was closed while it was read");
}
