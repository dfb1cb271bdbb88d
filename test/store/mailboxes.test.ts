/** What threads have of the cache of a store for as long as a worker of a queue lives: months, and thousands of runs. */
import { expect, test } from "vitest";
import { attachCache, cacheMemory, numberOf } from "../../src/store/block-cache.js";
import { remoteSource } from "../../src/store/remote-source.js";

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
