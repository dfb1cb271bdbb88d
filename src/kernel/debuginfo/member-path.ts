/**
 * The steps of a dotted path: names, and numbers for the indexes of arrays. "vm_stat[0].counter" is ["vm_stat", 0,
 * "counter"]. `undefined` if it is not such a path.
 */
export function parsePath(path: string): readonly (string | number)[] | undefined {
  if (path.length > MAX_PATH) return undefined;
  const steps: (string | number)[] = [];
  for (const part of path.split(".")) {
    const match = /^([A-Za-z_$][\w$]*)((?:\[\d{1,9}\])*)$/.exec(part);
    if (match === null) return undefined;
    steps.push(match[1] as string);
    for (const [, index] of (match[2] as string).matchAll(/\[(\d+)\]/g)) steps.push(Number(index));
  }
  return steps;
}

/** Far above any path that a person or a program writes. */
const MAX_PATH = 1000;
