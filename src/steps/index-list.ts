/** Ascending numbers in the form of Slurm's `--array`: `0,3-5`. */
export function indexList(indexes: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < indexes.length; ) {
    let end = i;
    while (end + 1 < indexes.length && indexes[end + 1] === (indexes[end] as number) + 1) end++;
    ranges.push(end === i ? `${indexes[i]}` : `${indexes[i]}-${indexes[end]}`);
    i = end + 1;
  }
  return ranges.join(",");
}
