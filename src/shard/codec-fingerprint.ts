import { createHash } from "node:crypto";
import type { Codec } from "../codec/codecs.js";
import { createEncoder } from "../codec/encoder.js";
import { giveBackMemory } from "../codec/wasm/encode/load.js";
import { borrowSlotMemory, slotLayout } from "../worker/slots.js";

const SAMPLES = 16;

/**
 * A digest of the codec's output for some made-up pages on this host. zstd, and zlib above level 1, come from
 * libraries. Hosts may have different versions of them, which give different bytes for the same page. Throws
 * `CODEC_MISSING`.
 */
export function codecFingerprint(codec: Codec, pageSize: number): string {
  const layout = slotLayout(1, pageSize);
  const memory = borrowSlotMemory(layout);
  const bytes = new Uint8Array(memory.buffer);
  const encoder = createEncoder(codec, memory, layout);
  const hash = createHash("sha256").update(`${codec.name} ${codec.level ?? ""}`);
  let state = 1;
  for (let sample = 0; encoder !== undefined && sample < SAMPLES; sample++) {
    const page = bytes.subarray(layout.input, layout.input + pageSize);
    for (let i = 0; i < pageSize; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      // Samples from random to repetitive, with matches near and far.
      const back = 1 + ((state >>> 8) % (16 << (sample % 8)));
      page[i] = (state >>> 24) % SAMPLES >= sample || i < back ? state >>> 16 : (page[i - back] as number);
    }
    const size = encoder.encode(layout.input, layout.output, layout.scratch);
    hash.update(`${size} `).update(bytes.subarray(layout.output, layout.output + size));
  }
  giveBackMemory(memory);
  return hash.digest("hex");
}
