/**
 * What is to be done when all tests of a file have run. Unlike `afterAll` at the top of a module, which counts for the first file of
 * a process only, and `afterAll` within a test, which counts for nothing, this works from anywhere.
 */

const endings = new Set<() => unknown>();

export function afterFile(end: () => unknown): void {
  endings.add(end);
}

/** Does it, the last first. setup.ts calls it at the end of each file. */
export async function endFile(): Promise<void> {
  const all = [...endings].reverse();
  endings.clear();
  for (const end of all) await end();
}
