/** The memory of parts in work: bounded whatever shards want at once, and nobody waits for ever. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { collectGarbage } from "../../src/store/collect-garbage.js";
import type { StoreThread } from "../../src/store/open-store.js";
import { PartMemory } from "../../src/store/part-memory.js";
import { ObjectUpload } from "../../src/store/upload.js";

test("any parts of any shards: no more than the bound, or one part; all zeros; all get theirs", async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 6 }), async (shards) => {
      const memory = new PartMemory(100);
      let [lent, parts, sent] = [0, 0, 0];
      const shard = async (own: readonly number[]) => {
        const sending: Promise<void>[] = [];
        for (const length of own) {
          const part = await memory.borrow(length);
          lent += part.length;
          parts++;
          expect(part.length).toBe(length);
          expect(part.every((byte) => byte === 0)).toBe(true);
          expect(lent <= 100 || parts === 1).toBe(true);
          part.fill(255);
          // Filled, and on its way: the next part is asked for meanwhile.
          sending.push(
            new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
              lent -= length;
              parts--;
              sent++;
              memory.giveBack(part);
            }),
          );
        }
        await Promise.all(sending);
      };
      await Promise.all(shards.map(shard));
      expect(sent).toBe(shards.flat().length);
    }),
    { numRuns: 50 },
  );
});

test("a large part gets its turn, however many small ones are asked for", async () => {
  const memory = new PartMemory(100);
  let isOver = false;
  let small = 0;
  const smallParts = async () => {
    while (!isOver && small < 1000) {
      const part = await memory.borrow(40);
      small++;
      await new Promise<void>((resolve) => setImmediate(resolve));
      memory.giveBack(part);
    }
  };
  const others = [smallParts(), smallParts()];
  await new Promise<void>((resolve) => setImmediate(resolve));
  memory.giveBack(await memory.borrow(90));
  isOver = true;
  await Promise.all(others);
  expect(small).toBeLessThan(10);
});

test("memory that one upload has left is not seen in the holes of the next one", async () => {
  const sent: Uint8Array[] = [];
  const store = {
    put: async (_at: unknown, bytes: Uint8Array) => void sent.push(Uint8Array.from(bytes)),
    listUploads: async () => [],
    createUpload: async () => ({ uploadId: "id", unanswered: 0 }),
    completeUpload: async () => ({ size: 0, etag: "" }),
    async sendPart(_at: unknown, _id: string, number: number, bytes: Uint8Array) {
      sent.push(Uint8Array.from(bytes));
      return { part: { number, size: bytes.length, etag: "" }, sent: true };
    },
  } as unknown as StoreThread;
  const at = { bucket: "b", key: "k" };
  const first = new ObjectUpload(store, at, true);
  await first.write(new Uint8Array(3 * 2 ** 23).fill(255), 0);
  await first.finish(3 * 2 ** 23);
  expect(sent.map((part) => part.every((byte) => byte === 255))).toEqual([true, true, true]);
  for (const size of [1000, 2 ** 24]) {
    sent.length = 0;
    const next = new ObjectUpload(store, at, true);
    await next.write(Uint8Array.of(1), 100);
    await next.finish(size);
    const all = Buffer.concat(sent.toReversed());
    expect([all.length, all[100]]).toEqual([size, 1]);
    expect(all.every((byte, i) => byte === 0 || i === 100)).toBe(true);
  }
});

test("who gives back a part may let it go: nothing of it stays until the next part", async () => {
  const memory = new PartMemory(100);
  const use = async () => {
    const part = await memory.borrow(50);
    memory.giveBack(part);
    return new WeakRef(part);
  };
  const gone = await use();
  expect(memory.dropSpare()).toBe(50);
  await new Promise(setImmediate);
  collectGarbage(Number.POSITIVE_INFINITY);
  expect(gone.deref()).toBeUndefined();
});

test("what is kept for later parts stays while one is lent", async () => {
  const memory = new PartMemory(100);
  const [one, two] = [await memory.borrow(40), await memory.borrow(40)];
  memory.giveBack(one);
  expect(memory.dropSpare()).toBe(0);
  memory.giveBack(two);
  expect(memory.dropSpare()).toBe(80);
});
