/** A window of a file on a disk that fails in places. */
import { expect, test } from "vitest";
import { DumpError } from "../../../src/errors.js";
import type { ByteSource } from "../../../src/reader/source/byte-source.js";
import { ReadWindow } from "../../../src/reader/source/read-window.js";
import { failureOf } from "../../support/open.js";

const SIZE = 1 << 18;
const BAD = 150_000;

/** A file whose bytes are multiples of 4096 counted up, and whose byte at `BAD` cannot be read; nor what follows it. */
const source: ByteSource = {
  name: "disk",
  size: SIZE,
  read(into, offset) {
    const n = Math.max(0, Math.min(into.length, SIZE - offset));
    for (let i = 0; i < n; i++) {
      if (offset + i === BAD) throw new DumpError("NOT_READABLE", "cannot be read", { file: "disk" });
      into[i] = (offset + i) >> 12;
    }
    return n;
  },
};
const BAD_PAGE = BAD - (BAD % 4096);

test("a read that fails leaves no bytes of another place behind", () => {
  const window = new ReadWindow(source);
  expect(window.read(8192, 4096, "page")[0]).toBe(2);
  const codes = [1, 2].map(() => failureOf(() => window.read(BAD_PAGE, 4096, "page")).code);
  expect(codes).toEqual(["NOT_READABLE", "NOT_READABLE"]);
  expect([...window.read(8192, 4096, "page").subarray(0, 2)]).toEqual([2, 2]);
});

test("what can be read is read, though what lies behind it cannot", () => {
  const window = new ReadWindow(source);
  expect([...window.read(BAD_PAGE - 4096, 4096, "page").subarray(4094)]).toEqual([35, 35]);
  expect(failureOf(() => window.read(SIZE - 10, 11, "page")).code).toBe("TRUNCATED");
});
