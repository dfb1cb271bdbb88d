/** Slots of the shared memory: who has one, who waits, and when nobody reads there any more. */
import { describe, expect, test } from "vitest";
import { SlotLender, slotLayout } from "../../src/worker/slots.js";

/** Lets everything happen that needs no event from outside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("lending", () => {
  test("no slot is lent twice, and who finds none waits for the next one", async () => {
    const lender = new SlotLender(2);
    const [a, b] = [await lender.borrow(), await lender.borrow()];
    expect(new Set([a, b])).toEqual(new Set([0, 1]));
    const got: number[] = [];
    for (let i = 0; i < 2; i++) void lender.borrow().then((slot) => got.push(slot));
    await settle();
    expect(got).toEqual([]);
    lender.giveBack(b);
    await settle();
    expect(got).toEqual([b]);
    lender.giveBack(a);
    await settle();
    expect(got).toEqual([b, a]);
  });
});

describe("the memory of a run that has ended is used again only when nothing reads it", () => {
  test("all slots are back: at once", async () => {
    const lender = new SlotLender(1);
    lender.giveBack(await lender.borrow());
    let unread = false;
    lender.whenUnread(() => {
      unread = true;
    });
    expect(unread).toBe(true);
  });

  test("a slot was lent, but its result is not being written: a stopped run", async () => {
    const lender = new SlotLender(2);
    await lender.borrow();
    let unread = false;
    lender.whenUnread(() => {
      unread = true;
    });
    await settle();
    expect(unread).toBe(true);
  });

  test("a result is being written: when that has ended", async () => {
    const lender = new SlotLender(2);
    await lender.borrow();
    let end = () => {};
    void lender.readBy(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    let unread = false;
    lender.whenUnread(() => {
      unread = true;
    });
    await settle();
    expect(unread).toBe(false);
    end();
    await settle();
    expect(unread).toBe(true);
  });

  test("a write failed, before or afterwards: never, for another of its writes may still run", async () => {
    for (const early of [true, false]) {
      const lender = new SlotLender(2);
      await lender.borrow();
      let fail: (error: Error) => void = () => {};
      const written = lender.readBy(
        new Promise<void>((_, reject) => {
          fail = reject;
        }),
      );
      written.catch(() => undefined);
      let unread = false;
      const ask = () =>
        lender.whenUnread(() => {
          unread = true;
        });
      if (!early) ask();
      fail(new Error("no room"));
      await expect(written).rejects.toThrow("no room");
      if (early) ask();
      await settle();
      expect(unread).toBe(false);
    }
  });
});

test("parts of a slot do not overlap, and the key and the tables lie behind all slots", () => {
  for (const pageSize of [4096, 16384, 65536]) {
    const layout = slotLayout(3, pageSize, 100);
    const starts = [layout.input, layout.output, layout.records, layout.zeroMap, layout.hashes, layout.scratch];
    const { pages } = layout;
    const sizes = [pages * pageSize, pages * pageSize, pages * 4, pages, pages * 16, layout.scratchSize];
    for (let i = 0; i < starts.length; i++) {
      const end = (starts[i] as number) + (sizes[i] as number);
      expect(end).toBeLessThanOrEqual(starts[i + 1] ?? layout.size);
    }
    expect(layout.hashKey).toBe(3 * layout.size);
    expect(layout.tables).toBeGreaterThan(layout.hashKey + pageSize);
  }
});
