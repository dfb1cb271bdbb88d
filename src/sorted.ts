/**
 * Binary search: the index of the first of `values` (ascending) that is above `limit`; `values.length` if there is
 * none. The index before is that of the last value not above `limit`.
 */
export function firstAbove(values: ArrayLike<number>, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
