import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createWasmMemory, loadDecodeModule } from "../../../src/codec/wasm/decode/load.js";
import { loadEncodeModule } from "../../../src/codec/wasm/encode/load.js";
import { instantiateModule } from "../../../src/codec/wasm/wasm.js";
import { samples } from "./encode/corpus.js";

test("a module that is not built says what to do", () => {
  const memory = createWasmMemory(1);
  expect(() => instantiateModule("codec/wasm/decode", "no-such-module", [], memory)).toThrow(/run npm run build/);
});

test("a module without the functions that are wanted is refused", () => {
  const memory = createWasmMemory(1);
  expect(() => instantiateModule("codec/wasm/decode", "lzo", ["compress"], memory)).toThrow(/no function compress/);
});

test("a module sees a memory that has grown", () => {
  const memory = createWasmMemory(65536, 4 * 65536);
  const { decompress } = loadDecodeModule("snappy", memory);
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
import(workerData.url).then(({ loadEncodeModule }) => {
  const { memory, name, base, length, want } = workerData;
  const module = loadEncodeModule(name, memory);
  const bytes = new Uint8Array(memory.buffer);
  let bad = 0;
  for (let i = 0; i < 3000; i++) {
    const n = module.compress(base, length, base + 8192, 8192, base + 32768);
    if (n !== want.length || Buffer.compare(bytes.subarray(base + 8192, base + 8192 + n), want) !== 0) bad++;
  }
  parentPort.postMessage(bad);
});`;

test.each(["lzo", "snappy", "deflate"] as const)("%s runs in several threads over one memory", async (name) => {
  const part = 1 << 19;
  const memory = createWasmMemory(3 * part);
  const module = loadEncodeModule(name, memory);
  const bytes = new Uint8Array(memory.buffer);
  const url = new URL("../../../dist/codec/wasm/encode/load.js", import.meta.url).href;
  const chosen = samples(4096).filter(({ name: what }) => what === "text" || what === "struct pages");
  const results = chosen.map(({ bytes: page }, i) => {
    const base = part * (i + 1);
    bytes.set(page, 0);
    const want = bytes.slice(8192, 8192 + module.compress(0, page.length, 8192, 8192, 32768));
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
