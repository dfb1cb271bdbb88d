import { threadId } from "node:worker_threads";
import {
  ANSWERED,
  ASKING,
  attachCache,
  type BlockCache,
  FAILED,
  failureOf,
  IDLE,
  LINE,
  LINES,
  numberOf,
  READY,
  ring,
  takeMailbox,
} from "./block-cache.js";
import { copyBytes } from "./copy-bytes.js";
import type { RemoteObject } from "./remote-object.js";

/** The most bytes that one thread requests at once. */
const MOST_ASKED = 16 * LINE;

/**
 * This thread's mailbox of each cache, by the cache's number: one for any number of objects, until the thread ends. The memory itself does not say which cache it is:
 * of each run a thread gets another object of it.
 */
const mailboxes = new Map<number, number>();

function attach(memory: SharedArrayBuffer): { readonly cache: BlockCache; readonly mailbox: number } {
  const cache = attachCache(memory);
  const number = numberOf(cache);
  const mailbox = mailboxes.get(number) ?? takeMailbox(cache, threadId);
  mailboxes.set(number, mailbox);
  return { cache, mailbox };
}

/**
 * Bytes of an object at any offset, in any thread but the store's own: reading waits until they are there. Bytes in the
 * cache cost one copy. Throws what `ObjectStore.read` throws.
 */
export function remoteSource({ path, size, object, memory }: RemoteObject): {
  readonly name: string;
  readonly size: number;
  read(into: Uint8Array, offset: number): number;
} {
  const { cache, mailbox } = attach(memory);
  /** The line where the last read ended: mostly the next one continues there. */
  let hint = 0;

  /** Copies bytes of [start, end), which must be of one line, from the cache. */
  const copyLine = (into: Uint8Array, start: number, end: number): boolean => {
    const line = Math.floor(start / LINE);
    const from = start - line * LINE;
    const to = end - line * LINE;
    for (let i = 0; i < LINES; i++) {
      const slot = hint + i < LINES ? hint + i : hint + i - LINES;
      if (cache.line[slot] !== line || cache.object[slot] !== object) continue;
      if (pinned(slot, line, from, to)) {
        copyBytes(cache.data.subarray(slot * LINE + from, slot * LINE + to), into, 0);
        letGo(slot);
        hint = slot;
        return true;
      }
    }
    return false;
  };
  const pinned = (slot: number, line: number, from: number, to: number): boolean => {
    const pins = Atomics.add(cache.pins, slot, 1);
    const fits =
      pins >= 0 &&
      Atomics.load(cache.state, slot) === READY &&
      cache.line[slot] === line &&
      cache.object[slot] === object &&
      (cache.from[slot] as number) <= from &&
      (cache.to[slot] as number) >= to;
    if (!fits) Atomics.sub(cache.pins, slot, 1);
    return fits;
  };
  const letGo = (slot: number) => {
    cache.stamp[slot] = Atomics.add(cache.control, 2, 1);
    Atomics.sub(cache.pins, slot, 1);
    // A line that was fetched ahead has been read, so there is room to fetch ahead again.
    if (cache.ahead[slot] === 1 && Atomics.exchange(cache.ahead, slot, 0) === 1) ring(cache);
  };
  const ask = (start: number, end: number): void => {
    cache.mailObject[mailbox] = object;
    cache.mailStart[mailbox] = start;
    cache.mailEnd[mailbox] = end;
    Atomics.store(cache.mailState, mailbox, ASKING);
    ring(cache);
    while (Atomics.load(cache.mailState, mailbox) === ASKING) Atomics.wait(cache.mailState, mailbox, ASKING);
    const answer = Atomics.exchange(cache.mailState, mailbox, IDLE);
    if (answer === FAILED) throw failureOf(cache, mailbox);
    if (answer !== ANSWERED) throw new Error(`a mailbox is in state ${answer}`);
  };
  return {
    name: path,
    size,
    read(into, offset) {
      const length = Math.max(0, Math.min(into.length, size - offset));
      let done = 0;
      while (done < length) {
        const start = offset + done;
        const end = Math.min(offset + length, (Math.floor(start / LINE) + 1) * LINE);
        if (copyLine(into.subarray(done, done + (end - start)), start, end)) done += end - start;
        else ask(start, Math.min(offset + length, start + MOST_ASKED));
      }
      return length;
    },
  };
}
