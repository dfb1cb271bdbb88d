import { setImmediate } from "node:timers/promises";
import { abortedError, type DumpError } from "./errors.js";

/**
 * Work that may take long on this thread. It yields now and then, so that the program can react to signals; a search of
 * memory yields the physical address that it has reached. The caller may abandon it at each yield.
 */
export type LongWork<T> = Generator<number | undefined, T, void>;

/** Runs it to its end. */
export function runAtOnce<T>(work: LongWork<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** How to run long work among other events. */
export interface AwakeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the address that a search of memory has reached. */
  readonly onReached?: ((paddr: number) => void) | undefined;
  /** The error of work that was stopped. Default: `abortedError()`. */
  readonly stopped?: () => DumpError;
}

/** Milliseconds of work after which other events may run. */
const TURN = 50;

/** Runs it to its end, and lets other events run now and then. Throws `ABORTED`. */
export async function runAwake<T>(work: LongWork<T>, options: AwakeOptions = {}): Promise<T> {
  const { signal, onReached, stopped = abortedError } = options;
  let turned = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() - turned < TURN) continue;
    await setImmediate();
    if (signal?.aborted) {
      closeWork(work);
      throw stopped();
    }
    if (value !== undefined) onReached?.(value);
    turned = performance.now();
  }
}

/** Ends work before its end: its `finally` blocks run. */
function closeWork(work: LongWork<unknown>): void {
  work.return(undefined);
}
