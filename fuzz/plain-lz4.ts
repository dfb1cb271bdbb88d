/** Blocks to begin with: literals alone, a run, a match into what was before, long lengths. */
export const LZ4_BLOCKS: readonly (readonly number[])[] = [
  [0x50, 1, 2, 3, 4, 5],
  [0x1f, 7, 1, 0, 255, 255, 3, 0x50, 1, 2, 3, 4, 5],
  [0x04, 40, 0, 0x10, 9],
  [0xf0, 5, ...Array.from({ length: 20 }, (_, i) => i)],
  [0x4a, 1, 2, 3, 4, 3, 0, 0x26, 8, 9, 12, 0, 0x50, 1, 2, 3, 4, 5],
];

/**
 * An LZ4 block decoded byte by byte, after lz4_Block_format.md: what the fuzzer holds against the kernel. `undefined` for
 * what is malformed, or longer than `room`. The format's rules for the end of a block (no match in its last bytes) are
 * ones for writers; neither decoder asks for them.
 */
export function lz4Block(block: Uint8Array, before: Uint8Array, room: number): Buffer | undefined {
  const out = [...before];
  let at = 0;
  const long = (start: number): number | undefined => {
    let length = start;
    if (start < 15) return length;
    for (;;) {
      const more = block[at++];
      if (more === undefined) return undefined;
      length += more;
      if (more < 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = long(token >> 4);
    if (literals === undefined || at + literals > block.length) return undefined;
    if (out.length + literals - before.length > room) return undefined;
    for (let i = 0; i < literals; i++) out.push(block[at++] as number);
    if (at === block.length) return Buffer.from(out.slice(before.length));
    if (at + 2 > block.length) return undefined;
    const distance = (block[at] as number) + 256 * (block[at + 1] as number);
    at += 2;
    if (distance === 0 || distance > out.length) return undefined;
    const match = long(token & 15);
    if (match === undefined || out.length + match + 4 - before.length > room) return undefined;
    for (let i = 0; i < match + 4; i++) out.push(out[out.length - distance] as number);
  }
  return undefined;
}
