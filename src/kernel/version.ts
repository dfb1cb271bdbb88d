/** A kernel version as one comparable number. */
export function kernelVersion(major: number, minor: number, patch = 0): number {
  return major * 1_000_000 + minor * 1_000 + Math.min(patch, 999);
}

/** The version in a release text such as "6.1.0-18-amd64"; `undefined` if it does not start with two numbers. */
export function parseKernelVersion(release: string): number | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return undefined;
  return kernelVersion(Number(match[1]), Number(match[2]), Number(match[3] ?? 0));
}
