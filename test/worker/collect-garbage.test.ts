/** Memory that is given back early is worth no failure. */
import { afterEach, expect, test, vi } from "vitest";

const v8 = process.getBuiltinModule("node:v8");
afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

test("another thread takes back the flag by which garbage is collected: nothing fails, and the next time it works", async () => {
  vi.resetModules();
  const { collectGarbage } = await import("../../src/worker/collect-garbage.js");
  const set = v8.setFlagsFromString;
  // As if the other thread came between this thread's flag and its use.
  const spy = vi.spyOn(v8, "setFlagsFromString").mockImplementation(() => set("--no-expose-gc"));
  collectGarbage(1 << 30);
  expect(spy).toHaveBeenCalled();
  spy.mockRestore();
  const gone = new WeakRef({});
  await new Promise(setImmediate);
  collectGarbage(1 << 30);
  expect(gone.deref()).toBeUndefined();
});
