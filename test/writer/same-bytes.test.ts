/** The output is the same, byte for byte, for any number of workers. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { WorkerThreads } from "../../src/worker/threads.js";
import { noiseBytes, patternBytes } from "../support/bytes.js";
import { filterFile, filterFlattened, type RunOptions, temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
// Text, noise and zeros by turns, in pieces that fit no task's borders: more than 20 tasks of 1 MiB.
const pages = Array.from({ length: 24 }, (_, i) => {
  const content =
    i % 3 === 0 ? noiseBytes(i, 4096) : i % 3 === 1 ? patternBytes(`piece ${i} `, 4096) : ("zero" as const);
  return { pfn: 64 + i * 149, kind: i % 5 === 4 ? "anon" : "kernel", count: 113 + i, content } as const;
});
writeElf(input, buildKernel({ memory: 48 * MiB, kernelOffset: 16 * MiB, pages }));

const ways: readonly [string, RunOptions][] = [
  ...(["none", "zlib", "lzo", "snappy", "zstd"] as const).map((codec): [string, RunOptions] => [
    `kdump, ${codec}`,
    { codec, level: 9 },
  ]),
  ["kdump, zlib 9", { codec: "zlib", compressionLevel: 9, level: 31 }],
  ["kdump, level 0", { codec: "lzo", level: 0 }],
  ["equal pages once, none", { dedupe: true, level: 0 }],
  ["equal pages once, lzo", { codec: "lzo", dedupe: true, level: 9 }],
  ["ELF", { format: "elf", level: 9 }],
  ["ELF, level 0", { format: "elf", level: 0 }],
];

describe.each(ways)("%s", (_, options) => {
  test("1, 2, 3 and 4 workers", async () => {
    const hashes: string[] = [];
    for (const workers of [1, 2, 3, 4]) {
      await filterFile(input, output, { ...options, workers });
      hashes.push(createHash("sha256").update(readFileSync(output)).digest("hex"));
    }
    expect(hashes).toEqual(new Array(4).fill(hashes[0]));
  });
});

test("flattened: 1 and 4 workers, and put together it is the file", async () => {
  const streams: Buffer[] = [];
  for (const workers of [1, 4]) {
    await filterFlattened(input, output, { level: 9, codec: "zlib", workers });
    streams.push(readFileSync(output));
  }
  expect(streams[1]?.equals(streams[0] as Buffer)).toBe(true);
  await filterFile(input, output, { level: 9, codec: "zlib" });
  expect(rearranged(streams[0] as Buffer).equals(readFileSync(output))).toBe(true);
});

test("threads that are kept from run to run: other dumps and codecs between change nothing", async () => {
  const threads = new WorkerThreads(2);
  try {
    const hashes: string[] = [];
    for (const codec of ["zlib", "lzo", "none", "zlib"] as const) {
      await filterFile(input, output, { codec, level: codec === "none" ? 0 : 31, workers: threads });
      hashes.push(createHash("sha256").update(readFileSync(output)).digest("hex"));
    }
    expect(hashes[3]).toBe(hashes[0]);
    expect(new Set(hashes).size).toBe(3);
  } finally {
    await threads.destroy();
  }
});

/** Replays the records of a flattened file one after the other, as makedumpfile -R does. */
function rearranged(flat: Buffer): Buffer {
  const parts: [number, Buffer][] = [];
  let at = 4096;
  while (flat.readBigInt64BE(at) !== -1n) {
    const size = Number(flat.readBigInt64BE(at + 8));
    parts.push([Number(flat.readBigInt64BE(at)), flat.subarray(at + 16, at + 16 + size)]);
    at += 16 + size;
  }
  expect(flat.length).toBe(at + 16);
  const whole = Buffer.alloc(Math.max(...parts.map(([offset, bytes]) => offset + bytes.length)));
  for (const [offset, bytes] of parts) whole.set(bytes, offset);
  return whole;
}
