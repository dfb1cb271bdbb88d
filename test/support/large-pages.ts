/**
 * The processes of tests take large buffers in pages of 2 MiB: dumps are built and read whole in them, and without it each 4 KiB of new memory is a page
 * fault, which took a third of the processor's time. Only glibc on Linux knows the variable; elsewhere it does nothing.
 */
const [NAME, VALUE] = ["GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"] as const;

/** For vitest's configurations: processes that are started later have it. */
export function useLargePages(): void {
  process.env[NAME] ??= VALUE;
}

/** For the processes of tests: what they start is tested as users run it. */
export function forgetLargePages(): void {
  if (process.env[NAME] === VALUE) delete process.env[NAME];
}

/** For programs of ours that build large dumps, and are no subject themselves. */
export const withLargePages = () => ({ ...process.env, [NAME]: process.env[NAME] ?? VALUE });
