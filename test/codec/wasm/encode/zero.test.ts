import { expect, test } from "vitest";
import { loadEncodeModule } from "../../../../src/codec/wasm/encode/load.js";
import { createArena } from "./arena.js";

test.each([512, 4096, 65536])("zeroMap finds the zero pages of %i bytes", (pageSize) => {
  const arena = createArena(1 << 20);
  const { zeroMap } = loadEncodeModule("zero", arena.memory);
  const count = 7;
  for (const where of ["start", "end"] as const) {
    const lengths = [pageSize * count, count];
    const [first = 0, second = 0] = arena.place(where === "end" ? [...lengths].reverse() : lengths, where);
    const [src, map] = where === "end" ? [second, first] : [first, second];
    const pages = arena.bytes.subarray(src, src + pageSize * count);
    pages.fill(0);
    expect(zeroMap(src, pageSize, count, map)).toBe(count);
    expect([...arena.bytes.subarray(map, map + count)]).toEqual([1, 1, 1, 1, 1, 1, 1]);
    // One bit anywhere in a page, and the neighbours must not notice.
    for (let at = 0; at < pageSize; at += at < 600 || at > pageSize - 200 ? 1 : 61) {
      pages[pageSize * 3 + at] = 1 << (at & 7);
      expect(zeroMap(src, pageSize, count, map)).toBe(count - 1);
      expect(arena.bytes[map + 3]).toBe(0);
      pages[pageSize * 3 + at] = 0;
    }
    pages.fill(1);
    expect(zeroMap(src, pageSize, count, map)).toBe(0);
    expect(zeroMap(src, pageSize, 0, map)).toBe(0);
    arena.check();
  }
});
