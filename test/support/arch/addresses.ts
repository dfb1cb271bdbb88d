/** What descriptions of machines have in common. */

/** Memory from `start` on is seen from `base` on. */
export const from =
  (base: bigint, start = 0) =>
  (paddr: number) =>
    base + BigInt(paddr - start);

export const GIB = 0x4000_0000;
export const little = { wordSize: 8, byteOrder: "little" } as const;
export const big = { wordSize: 8, byteOrder: "big" } as const;
