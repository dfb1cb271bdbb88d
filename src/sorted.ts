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

/**
 * Binary search: the first index in [0, count) for which `holds` is true, if it is true for all indexes after that too.
 * `count` if there is none.
 */
export function firstIndex(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    // Not >>> 1: counts may be above 2^31.
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
