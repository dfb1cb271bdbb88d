import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createKernelMemory, loadKernel } from "../../../src/reader/kernels/load.js";
import { instantiateKernel } from "../../../src/reader/kernels/wasm.js";
import { loadKernel as loadEncoder } from "../../../src/worker/kernels/load.js";
import { samples } from "../../worker/kernels/corpus.js";

test("a kernel that is not built says what to do", () => {
  const memory = createKernelMemory(1);
  expect(() => instantiateKernel("reader", "no-such-kernel", [], memory)).toThrow(/run npm run build/);
});

test("a kernel without the functions that are wanted is refused", () => {
  const memory = createKernelMemory(1);
  expect(() => instantiateKernel("reader", "lzo", ["compress"], memory)).toThrow(/no function compress/);
});

test("a kernel sees a memory that has grown", () => {
  const memory = createKernelMemory(65536, 4 * 65536);
  const { decompress } = loadKernel("snappy", memory);
  memory.grow(2);
  const bytes = new Uint8Array(memory.buffer);
  expect(bytes.length).toBe(3 * 65536);
  bytes.set([3, 8, 65, 66, 67], 2 * 65536);
  expect(decompress(2 * 65536, 5, 2 * 65536 + 100, 3)).toBe(3);
  expect([...bytes.subarray(2 * 65536 + 100, 2 * 65536 + 103)]).toEqual([65, 66, 67]);
});

// Each worker compresses the same page again and again in its own part of one memory and counts results that differ.
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
import(workerData.url).then(({ loadKernel }) => {
  const { memory, name, base, length, want } = workerData;
  const kernel = loadKernel(name, memory);
  const bytes = new Uint8Array(memory.buffer);
  let bad = 0;
  for (let i = 0; i < 3000; i++) {
    const n = kernel.compress(base, length, base + 8192, 8192, base + 32768);
    if (n !== want.length || Buffer.compare(bytes.subarray(base + 8192, base + 8192 + n), want) !== 0) bad++;
  }
  parentPort.postMessage(bad);
});`;

test.each(["lzo", "snappy", "deflate"] as const)("%s runs in several threads over one memory", async (name) => {
  const part = 1 << 19;
  const memory = createKernelMemory(3 * part);
  const kernel = loadEncoder(name, memory);
  const bytes = new Uint8Array(memory.buffer);
  const url = new URL("../../../dist/worker/kernels/load.js", import.meta.url).href;
  const chosen = samples(4096).filter(({ name: what }) => what === "text" || what === "struct pages");
  const results = chosen.map(({ bytes: page }, i) => {
    const base = part * (i + 1);
    bytes.set(page, 0);
    const want = bytes.slice(8192, 8192 + kernel.compress(0, page.length, 8192, 8192, 32768));
    bytes.set(page, base);
    const workerData = { url, memory, name, base, length: page.length, want };
    const worker = new Worker(WORKER, { eval: true, workerData });
    return new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  });
  expect(await Promise.all(results)).toEqual([0, 0]);
});
