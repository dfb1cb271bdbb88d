import { DumpError, NOTHING_LEFT } from "../errors.js";
import type { Destination } from "./sink.js";

/**
 * Abandons the outputs of a failed run. Returns the error that the run ends with: if something could not be removed, it
 * says so instead of saying that nothing was left. Never throws.
 */
export async function abandoned(
  error: unknown,
  ...outputs: readonly (Pick<Destination, "abort" | "leftBehind"> | undefined)[]
): Promise<unknown> {
  const left: string[] = [];
  for (const output of outputs) {
    await output?.abort();
    const there = output?.leftBehind?.();
    if (there !== undefined) left.push(there);
  }
  if (left.length === 0 || !(error instanceof DumpError)) return error;
  const before = error.left === undefined || error.left === NOTHING_LEFT ? [] : [error.left];
  return error.with({ left: [...before, ...left].join("; ") });
}
