/** Bytes from and to shared memory, whatever their alignment. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { copyBytes } from "../../src/store/copy-bytes.js";

const size = 300;

test("copies what `set` copies, and nothing beside it", () => {
  const place = fc.record({
    bytes: fc.uint8Array({ maxLength: 100 }),
    from: fc.integer({ min: 0, max: 17 }),
    view: fc.integer({ min: 0, max: 17 }),
    at: fc.integer({ min: 0, max: 150 }),
    shared: fc.boolean(),
  });
  fc.assert(
    fc.property(place, ({ bytes, from, view, at, shared }) => {
      const memory = () => (shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
      const source = new Uint8Array(memory(), from, bytes.length);
      source.set(bytes);
      const [one, other] = [memory(), memory()].map((buffer) => new Uint8Array(buffer, view)) as [
        Uint8Array,
        Uint8Array,
      ];
      one.fill(9);
      other.fill(9);
      copyBytes(source, one, at);
      other.set(source, at);
      expect(one).toEqual(other);
    }),
  );
});
