/** Who waits for work, or for an end, is woken; and finds it without being woken, too. */
import { expect, test } from "vitest";
import { Bell } from "../../src/queue/bell.js";

/** Longer than any test may take: only the bell ends such a wait. */
const LONG = 2 ** 30;

test("a bell that is rung ends the wait, and one that was rung before it the next one only", async () => {
  const bell = new Bell();
  const waiting = bell.wait(LONG);
  bell.ring();
  await waiting;
  bell.ring();
  await bell.wait(LONG);
  let over = false;
  const next = bell.wait(LONG).then(() => {
    over = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).toBe(false);
  bell.ring();
  await next;
});

test("a wait ends by itself, and with who wants it to end", async () => {
  await new Bell().wait(1);
  await expect(new Bell().wait(LONG, AbortSignal.abort())).rejects.toThrow("abort");
});
