import { type DumpError, type PlainDumpError, reviveDumpError } from "../errors.js";

/** Bytes of a line, the unit of fetching and caching: 64 KiB are 16 pages, or the struct pages of 4 MiB. */
export const LINE = 65_536;
/**
 * Lines in the cache: 32 MiB. They must have room for what is fetched ahead, in addition to what all threads are
 * reading.
 */
export const LINES = 512;
/** One more than the objects that may be open at once (files of a split set, and those of a compared dump). */
export const MAX_OBJECTS = 256;
/** The most threads that may have a mailbox. */
const MAILBOXES = 512;

/** States of a line: empty, being filled, or readable. */
export const EMPTY = 0;
export const LOADING = 1;
export const READY = 2;

/** States of a mailbox: free, request, answered, or failed. */
export const IDLE = 0;
export const ASKING = 1;
export const ANSWERED = 2;
export const FAILED = 3;

/** In `pins`: the store thread is refilling the line. */
export const OWNED = -(2 ** 20);
/** Bytes of an error as JSON, per mailbox. */
const FAILURE_BYTES = 1024;

/**
 * Shared by the store thread and all threads that read: lines of objects, mailboxes for requests, and counters. A
 * reading thread looks for a line, pins it, checks that it is still the same line, copies from it, and unpins it. Only
 * the store thread changes lines, and only those that are not pinned.
 */
export interface BlockCache {
  /** [0] is the bell of the store thread, [1] one more than the highest mailbox ever given out, [2] the clock for `stamp`, [3] which cache it is. */
  readonly control: Int32Array;
  /**
   * Per line of the cache: the number of the object, the number of the line in the object, and the range [from, to) of
   * bytes that are present.
   */
  readonly object: Int32Array;
  readonly line: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly state: Int32Array;
  readonly pins: Int32Array;
  /** When the line was last read. */
  readonly stamp: Int32Array;
  /** 1: the line was fetched ahead, and not read yet. */
  readonly ahead: Int32Array;
  /** Per mailbox: state, object, start and end of the wanted bytes. */
  readonly mailState: Int32Array;
  /** Per mailbox: one more than the id of the thread that has it; 0: nobody. */
  readonly mailOwner: Int32Array;
  readonly mailObject: Int32Array;
  readonly mailStart: Float64Array;
  readonly mailEnd: Float64Array;
  /** Per mailbox: the error as JSON; FAILURE_BYTES each, padded with zeros. */
  readonly failure: Uint8Array;
  /** Per object: bytes received from the store, and requests for them. */
  readonly fetched: Float64Array;
  readonly requests: Float64Array;
  readonly data: Uint8Array;
}

const WORDS: readonly [keyof BlockCache, number][] = [
  ["control", 16],
  ["object", LINES],
  ["line", LINES],
  ["from", LINES],
  ["to", LINES],
  ["state", LINES],
  ["pins", LINES],
  ["stamp", LINES],
  ["ahead", LINES],
  ["mailState", MAILBOXES],
  ["mailOwner", MAILBOXES],
  ["mailObject", MAILBOXES],
];
const DOUBLES: readonly [keyof BlockCache, number][] = [
  ["mailStart", MAILBOXES],
  ["mailEnd", MAILBOXES],
  ["fetched", MAX_OBJECTS],
  ["requests", MAX_OBJECTS],
];

/** The memory of a cache. The system provides its pages when they are first used. */
export function cacheMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(layout().size);
  attachCache(memory).control[NUMBER] = Math.floor(Math.random() * 2 ** 31);
  return memory;
}

/** Where a cache's own number is in `control`. */
const NUMBER = 3;

/** A number that no other cache has: each message to a thread makes another object of the same shared memory. */
export function numberOf({ control }: BlockCache): number {
  return control[NUMBER] as number;
}

function layout(): { offsets: Map<string, number>; size: number } {
  const offsets = new Map<string, number>();
  let at = 0;
  for (const [name, length] of DOUBLES) {
    offsets.set(name, at);
    at += 8 * length;
  }
  for (const [name, length] of WORDS) {
    offsets.set(name, at);
    at += 4 * length;
  }
  offsets.set("failure", at);
  at = Math.ceil((at + FAILURE_BYTES * MAILBOXES) / 4096) * 4096;
  offsets.set("data", at);
  return { offsets, size: at + LINE * LINES };
}

/** Attaches to a cache, in any thread. */
export function attachCache(memory: SharedArrayBuffer): BlockCache {
  const { offsets } = layout();
  const at = (name: string) => offsets.get(name) as number;
  const views: Record<string, unknown> = {};
  for (const [name, length] of DOUBLES) views[name] = new Float64Array(memory, at(name), length);
  for (const [name, length] of WORDS) views[name] = new Int32Array(memory, at(name), length);
  views["failure"] = new Uint8Array(memory, at("failure"), FAILURE_BYTES * MAILBOXES);
  views["data"] = new Uint8Array(memory, at("data"), LINE * LINES);
  return views as unknown as BlockCache;
}

/** Wakes the store thread up. */
export function ring(cache: BlockCache): void {
  Atomics.add(cache.control, 0, 1);
  Atomics.notify(cache.control, 0);
}

/** Reserves a mailbox for a thread, until `freeMailbox`. */
export function takeMailbox(cache: BlockCache, thread: number): number {
  const { control, mailOwner, mailState } = cache;
  for (let mailbox = 0; mailbox < MAILBOXES; mailbox++) {
    // The thread that had it has ended, and what it asked for is on its way yet.
    if (Atomics.load(mailState, mailbox) === ASKING) continue;
    if (Atomics.compareExchange(mailOwner, mailbox, 0, thread + 1) !== 0) continue;
    Atomics.store(mailState, mailbox, IDLE);
    let given = Atomics.load(control, 1);
    while (given <= mailbox) given = Atomics.compareExchange(control, 1, given, mailbox + 1);
    return mailbox;
  }
  throw new Error("too many threads read from one store");
}

/** Gives back the mailbox of a thread that has ended. */
export function freeMailbox({ mailOwner }: BlockCache, thread: number): void {
  const mailbox = mailOwner.indexOf(thread + 1);
  if (mailbox >= 0) Atomics.store(mailOwner, mailbox, 0);
}

/** Stores the error for the thread whose request failed. */
export function setFailure(cache: BlockCache, mailbox: number, error: PlainDumpError): void {
  let text = Buffer.from(JSON.stringify(error));
  // Control characters of a store's message have six bytes each.
  for (let most = 300; text.length > FAILURE_BYTES && most > 0; most >>= 1) {
    const short = { ...error, what: error.what.slice(0, most), why: undefined, cure: undefined, file: undefined };
    text = Buffer.from(JSON.stringify(short));
  }
  const at = mailbox * FAILURE_BYTES;
  cache.failure.fill(0, at, at + FAILURE_BYTES).set(text.subarray(0, FAILURE_BYTES), at);
}

/** Returns the error that `setFailure` stored. */
export function failureOf(cache: BlockCache, mailbox: number): DumpError {
  const at = mailbox * FAILURE_BYTES;
  const text = Buffer.from(cache.failure.slice(at, at + FAILURE_BYTES)).toString();
  return reviveDumpError(JSON.parse(text.replace(/\0+$/, "")) as PlainDumpError);
}
