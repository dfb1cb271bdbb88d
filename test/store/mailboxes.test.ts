/** What threads have of the cache of a store for as long as a worker of a queue lives: months, and thousands of runs. */
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  ANSWERED,
  ASKING,
  attachCache,
  cacheMemory,
  freeMailbox,
  numberOf,
  takeMailbox,
} from "../../src/store/block-cache.js";
import { forgetMailboxes, watchMailboxes } from "../../src/store/mailboxes.js";
import { remoteSource } from "../../src/store/remote-source.js";
import { WorkerThreads } from "../../src/worker/threads.js";

const object = { path: "s3://bucket/key", size: 1, etag: '"1"', object: 1 };

test("a thread has one mailbox of a cache, however many runs send it the cache's memory", () => {
  const memory = cacheMemory();
  const { control } = attachCache(memory);
  for (let run = 0; run < 1000; run++) {
    // As by a message: another object of the same shared memory.
    const sent = structuredClone(memory);
    expect(sent).not.toBe(memory);
    remoteSource({ ...object, memory: sent });
  }
  expect(control[1]).toBe(1);
});

test("each cache has a number of its own, and a mailbox of the thread", () => {
  const [a, b] = [cacheMemory(), cacheMemory()];
  expect(numberOf(attachCache(a))).not.toBe(numberOf(attachCache(b)));
  for (const memory of [a, b]) remoteSource({ ...object, memory });
  expect([a, b].map((memory) => attachCache(memory).control[1])).toEqual([1, 1]);
});

test("threads that end give their mailbox back: any number may follow each other", () => {
  const cache = attachCache(cacheMemory());
  for (let thread = 1; thread < 2000; thread++) {
    takeMailbox(cache, thread);
    freeMailbox(cache, thread);
  }
  expect(cache.control[1]).toBe(1);
});

test("what an ended thread asked for is not answered to the next one", () => {
  const cache = attachCache(cacheMemory());
  const mailbox = takeMailbox(cache, 7);
  Atomics.store(cache.mailState, mailbox, ASKING);
  freeMailbox(cache, 7);
  expect(takeMailbox(cache, 8)).not.toBe(mailbox);
  Atomics.store(cache.mailState, mailbox, ANSWERED);
  expect(takeMailbox(cache, 9)).toBe(mailbox);
  expect(cache.mailState[mailbox]).toBe(0);
});

test("worker threads give back what they had of a store that stays open", async () => {
  const cache = attachCache(cacheMemory());
  watchMailboxes(cache);
  try {
    const before = new Worker("", { eval: true });
    // Threads are numbered one after the other.
    const next = before.threadId + 1;
    const threads = new WorkerThreads(1);
    await threads.started;
    takeMailbox(cache, next);
    expect(cache.mailOwner[0]).toBe(next + 1);
    await threads.destroy();
    expect(cache.mailOwner[0]).toBe(0);
  } finally {
    forgetMailboxes(cache);
  }
});
