import { DumpError, leaving, NOTHING_LEFT } from "../errors.js";
import type { Sink } from "./sink.js";

/**
 * Gives up what a failed run was writing. Returns the error that the run ends with: if something could not be removed it says so, in
 * place of saying that nothing was left. Never throws.
 */
export async function abandoned(
  error: unknown,
  ...sinks: readonly (Pick<Sink, "abort" | "leftBehind"> | undefined)[]
): Promise<unknown> {
  const left: string[] = [];
  for (const sink of sinks) {
    await sink?.abort();
    const there = sink?.leftBehind?.();
    if (there !== undefined) left.push(there);
  }
  if (left.length === 0 || !(error instanceof DumpError)) return error;
  const before = error.left === undefined || error.left === NOTHING_LEFT ? [] : [error.left];
  return leaving(error, [...before, ...left].join("; "));
}
