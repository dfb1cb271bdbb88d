/**
 * The first index in [0, count) that `holds`, if it holds for all behind the first: the place in what ascends, by binary search.
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
