/** Memory that is given back early is worth no failure. */
import { afterEach, expect, test, vi } from "vitest";
import { collectGarbage, exposedCollector } from "../../src/store/collect-garbage.js";

const v8 = process.getBuiltinModule("node:v8");
afterEach(() => vi.restoreAllMocks());

test("another thread takes back the flag by which the collector is seen: nothing fails, and the next time it is there", async () => {
  const set = v8.setFlagsFromString;
  // As if the other thread came between this thread's flag and its use.
  const spy = vi.spyOn(v8, "setFlagsFromString").mockImplementation(() => set("--no-expose-gc"));
  expect(exposedCollector()).toBeUndefined();
  expect(() => collectGarbage(1 << 30)).not.toThrow();
  spy.mockRestore();
  const gone = new WeakRef({});
  await new Promise(setImmediate);
  exposedCollector()?.();
  expect(gone.deref()).toBeUndefined();
  collectGarbage(1 << 30);
});
