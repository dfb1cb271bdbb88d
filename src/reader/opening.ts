import { setImmediate } from "node:timers/promises";
import { DumpError } from "../errors.js";
import type { Dump } from "./dump.js";

/**
 * A dump that is being opened. It yields every now and then where a whole file has to be gone through first, so that a program which opens one hears of signals meanwhile.
 * Nothing is open but what the caller gave, so it may be dropped at each yield.
 */
export type Opening = Generator<void, Dump, void>;

/** Goes through with it at once. */
export function openAtOnce(opening: Opening): Dump {
  for (;;) {
    const { done, value } = opening.next();
    if (done === true) return value;
  }
}

/** The same, with a look around at each yield. Throws `ABORTED`. */
export async function openAwake(opening: Opening, signal: AbortSignal | undefined, file: string): Promise<Dump> {
  for (;;) {
    const { done, value } = opening.next();
    if (done === true) return value;
    await setImmediate();
    if (signal?.aborted) throw new DumpError("ABORTED", "stopped while it was read", { file });
  }
}

/** What a format's reader gives, in the same form. */
export function* opened(found: Dump | Opening): Opening {
  return Symbol.iterator in found ? yield* found : found;
}
