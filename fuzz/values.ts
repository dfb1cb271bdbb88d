/** Numbers that headers get wrong. */
export const VALUES: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 4n, 7n, 8n, 16n, 24n, 63n, 64n, 65n, 127n, 128n, 255n, 256n, 4095n, 4096n, 4097n, 0xffffn],
  ...[16n, 20n, 24n, 28n, 30n, 31n, 32n, 35n, 36n, 40n, 46n, 48n, 52n, 53n, 62n, 63n].flatMap((bit) => [
    (1n << bit) - 1n,
    1n << bit,
    (1n << bit) + 1n,
  ]),
  ...[1n, 2n, 3n, 8n, 4095n, 4096n, 1n << 31n, 1n << 32n, 1n << 62n].map((value) => BigInt.asUintN(64, -value)),
  ...[0xffff_8880_0000_0000n, 0xffff_ffff_8000_0000n, 0xffff_ea00_0000_0000n, 0xc000_0000_0000_0000n],
];

/** Writes the low bytes of a value; what does not fit is left out. */
export function put(bytes: Uint8Array, at: number, value: bigint, size: number, little: boolean): void {
  for (let i = 0; i < size; i++) {
    const place = at + (little ? i : size - 1 - i);
    if (place < bytes.length) bytes[place] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

export function take(bytes: Uint8Array, at: number, size: number, little: boolean): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    value |= BigInt(bytes[at + (little ? i : size - 1 - i)] ?? 0) << BigInt(8 * i);
  }
  return value;
}
