/** The memory of parts in work: bounded whatever shards want at once, and nobody waits for ever. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PartMemory } from "../../src/shard/part-memory.js";

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
