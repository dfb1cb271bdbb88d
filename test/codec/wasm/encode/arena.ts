import { createWasmMemory, type EncodeModule, type WasmMemory } from "../../../../src/codec/wasm/encode/load.js";

const GUARD = 256;
const CANARY = 0xc5;

/** A memory in pieces with canary bytes between them; `check` throws when one of those has changed. */
export interface Arena {
  readonly memory: WasmMemory;
  readonly bytes: Uint8Array;
  /** Places pieces of these lengths with guards around them and fills all that is left with canaries. */
  place(lengths: readonly number[], where: "start" | "end"): number[];
  check(): void;
}

/**
 * `place(..., "start")` puts the first piece at address 0 and `"end"` the last piece at the end of the memory, where
 * WebAssembly traps on one byte read too many: canaries see writes only.
 */
export function createArena(size: number): Arena {
  const memory = createWasmMemory(size);
  const bytes = new Uint8Array(memory.buffer);
  let gaps: Uint8Array[] = [];
  const canaries = new Uint8Array(size).fill(CANARY);
  return {
    memory,
    bytes,
    place(lengths, where) {
      const total = lengths.reduce((sum, length) => sum + length, 0) + GUARD * (lengths.length - 1);
      let at = where === "start" ? 0 : bytes.length - total;
      if (total + 2 * GUARD > bytes.length) throw new RangeError(`${total} bytes do not fit`);
      gaps = where === "end" ? [bytes.subarray(at - GUARD, at)] : [];
      const addresses = lengths.map((length) => {
        const address = at;
        gaps.push(bytes.subarray(at + length, at + length + GUARD));
        at += length + GUARD;
        return address;
      });
      for (const gap of gaps) gap.fill(CANARY);
      return addresses;
    },
    check() {
      for (const gap of gaps) {
        if (Buffer.compare(gap, canaries.subarray(0, gap.length)) !== 0) throw new Error("a canary byte has changed");
      }
    },
  };
}

/**
 * Compresses with canaries around source, output and scratch, the scratch full of rubbish, and the source or the scratch
 * at an end of the memory. Returns the compressed bytes, or undefined when the kernel said that they do not fit.
 */
export function guardedCompress(
  arena: Arena,
  module: EncodeModule,
  input: Uint8Array,
  cap: number,
  where: "start" | "end",
  rubbish = 0xa7,
): Uint8Array | undefined {
  const lengths = [input.length, cap, module.scratchSize()];
  if (where === "end") lengths.reverse();
  const addresses = arena.place(lengths, where);
  if (where === "end") addresses.reverse();
  const [src = 0, dst = 0, scratch = 0] = addresses;
  arena.bytes.set(input, src);
  arena.bytes.fill(rubbish, scratch, scratch + module.scratchSize());
  const length = module.compress(src, input.length, dst, cap, scratch);
  arena.check();
  if (Buffer.compare(arena.bytes.subarray(src, src + input.length), input) !== 0) {
    throw new Error("the source has changed");
  }
  if (length < 0 || length > cap) throw new Error(`length ${length} is not in [0, ${cap}]`);
  return length === 0 ? undefined : arena.bytes.slice(dst, dst + length);
}
