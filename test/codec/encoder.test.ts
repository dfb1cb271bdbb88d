/** The zlib encoder above level 1, which takes the smaller of two streams. */
import { deflateSync, inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { createEncoder } from "../../src/codec/encoder.js";
import { createSlotMemory, slotLayout } from "../../src/worker/slots.js";
import { samples } from "./wasm/encode/corpus.js";

test.each([2, 6, 9])(
  "zlib level %i: no page is larger than at level 1 or with Node's zlib, and each comes back",
  (level) => {
    const layout = slotLayout(1, 4096);
    const memory = createSlotMemory(layout);
    const bytes = new Uint8Array(memory.buffer);
    const first = createEncoder(codecOf("zlib", 1), memory, layout);
    const encoder = createEncoder(codecOf("zlib", level), memory, layout);
    let [byModule, byLibrary] = [0, 0];
    for (const { name, bytes: page } of samples(4096)) {
      bytes.set(page, layout.input);
      const least = first?.encode(layout.input, layout.output, layout.scratch) || 4096;
      const library = Math.min(deflateSync(page, { level }).length, 4096);
      const size = encoder?.encode(layout.input, layout.output, layout.scratch) ?? 0;
      expect(size === 0 ? 4096 : size, name).toBe(Math.min(least, library));
      if (size === 0) continue;
      expect(inflateSync(bytes.slice(layout.output, layout.output + size)).equals(page), name).toBe(true);
      if (least < library) byModule++;
      else byLibrary++;
    }
    // Both are needed.
    expect(Math.min(byModule, byLibrary)).toBeGreaterThan(0);
  },
);
