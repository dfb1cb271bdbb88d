import type { KernelSymbols } from "./kernel-symbols.js";

/** Bytes from a variable to the next symbol, at most `limit`; 1 where that is not known (symbols of a vmlinux). */
export function roomOf(symbols: KernelSymbols, address: bigint, limit: number): number {
  const belongs = (offset: number) => symbols.nearest(address + BigInt(offset))?.offset === BigInt(offset);
  let [known, end] = [0, limit];
  while (end - known > 1) {
    const middle = (known + end) >> 1;
    if (belongs(middle)) known = middle;
    else end = middle;
  }
  return end;
}
