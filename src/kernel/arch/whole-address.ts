/**
 * Completes an address whose upper bits, which page tables do not index, are copies of the highest bit that they index.
 */
export function signExtended(address: bigint, bits: number): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(bits, address));
}
