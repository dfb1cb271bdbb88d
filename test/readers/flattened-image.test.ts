import { describe, expect, test } from "vitest";
import { noiseBytes, patternBytes } from "../support/bytes.js";
import { hasMakedumpfile, rearrangeWithMakedumpfile } from "../support/external-tools.js";
import { flatten, flattenRecords } from "../support/flattened-image.js";

function innerFile(): Uint8Array {
  const inner = new Uint8Array(50_000);
  inner.set(noiseBytes(1, 9000), 0);
  inner.set(patternBytes("middle ", 12_345), 20_000);
  inner.set(noiseBytes(2, 3000), 47_000);
  return inner;
}

describe.skipIf(!hasMakedumpfile)("flattened images put together by makedumpfile -R", () => {
  test.each([
    ["plain", {}],
    ["shuffled small records", { order: "shuffled", recordSize: 1000 }],
    ["reversed", { order: "reversed", recordSize: 4096 }],
    ["stale records first", { staleFirst: true, order: "shuffled", recordSize: 4096 }],
    ["holes and overlaps", { dropZeroRuns: 512, overlap: 100, recordSize: 3000 }],
  ] as const)("%s", (_name, options) => {
    const inner = innerFile();
    expect(Buffer.compare(rearrangeWithMakedumpfile(flatten(inner, options)), inner)).toBe(0);
  });
});

test("holes leave records out, order changes only the order", () => {
  const inner = innerFile();
  const plain = flatten(inner, { recordSize: 1000 });
  const holes = flatten(inner, { recordSize: 1000, dropZeroRuns: 500 });
  expect(holes.length).toBeLessThan(plain.length - 15_000);
  expect(flatten(inner, { recordSize: 1000, order: "shuffled" })).toHaveLength(plain.length);
  expect(flattenRecords([])).toHaveLength(4096 + 16);
});
