/** Addresses whose bits above those that page tables index are copies of the highest of them. */
export function signExtended(address: bigint, bits: number): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(bits, address));
}
