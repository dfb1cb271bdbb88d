import { setImmediate } from "node:timers/promises";
import { DumpError } from "../errors.js";
import type { Dump } from "./dump.js";

/**
 * A dump that is being opened. Where a whole file has to be read first, it yields now and then, so that the program can
 * react to signals. Only files that the caller opened are open, so the caller may abandon it at each yield.
 */
export type Opening = Generator<void, Dump, void>;

/** Runs it to its end. */
export function openAtOnce(opening: Opening): Dump {
  for (;;) {
    const { done, value } = opening.next();
    if (done === true) return value;
  }
}

/** Runs it to its end, and lets other events run at each yield. Throws `ABORTED`. */
export async function openAwake(opening: Opening, signal: AbortSignal | undefined, file: string): Promise<Dump> {
  for (;;) {
    const { done, value } = opening.next();
    if (done === true) return value;
    await setImmediate();
    if (signal?.aborted) throw new DumpError("ABORTED", "stopped while it was read", { file });
  }
}

/** Turns the result of a format's reader into an `Opening`, if it is not one. */
export function* opened(found: Dump | Opening): Opening {
  return Symbol.iterator in found ? yield* found : found;
}
