/** Kernel releases as comparable numbers. */

export interface Release {
  readonly text: string;
  readonly number: number;
}

/** "6.1.0-13-amd64" to its three numbers, as one that can be compared. A missing third number is 0. */
export function parseRelease(text: string): Release {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) {
    throw new Error(`not a kernel release: ${text}`);
  }
  const [, major, minor, patch] = match;
  return { text, number: Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch ?? 0) };
}

/** Whether the kernel is that release or a later one. */
export function since(release: Release, first: string): boolean {
  return release.number >= parseRelease(first).number;
}

/** The value of the last entry whose release has been reached; entries ascend. */
export function inForce<T>(release: Release, table: readonly (readonly [first: string, value: T])[]): T {
  let found: { readonly value: T } | undefined;
  for (const [first, value] of table) {
    if (since(release, first)) {
      found = { value };
    }
  }
  if (found === undefined) {
    throw new Error(`no entry for kernel ${release.text}`);
  }
  return found.value;
}
