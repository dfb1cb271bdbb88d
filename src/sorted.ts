/**
 * The index of the first of `values`, ascending from lower to higher, that is above `limit`; their number if none is. One less is the last that is not
 * above it. Costs a look for each bit of their number.
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
