import { DumpError, type DumpErrorCode } from "../errors.js";

/** Errors that come again on every host. */
const LASTING: ReadonlySet<string> = new Set<DumpErrorCode>([
  "INPUT_CHANGED",
  "NOT_A_DUMP",
  "OUTPUT_EXISTS",
  "STRICT",
  "CANNOT_ERASE",
  "CANNOT_FILTER",
  "TRUNCATED",
  "BAD_OPTION",
]);

/**
 * Whether a step of a run by many hosts that failed may succeed if it is begun again, later or on another host: a share that is not mounted, a full disk, a
 * store that does not answer, another library. What is wrong with the dump, the options or the output stays so.
 */
export function isWorthTrying(error: unknown): boolean {
  return error instanceof DumpError && !isLasting(error.code);
}

/** Whether a run that failed with that code fails so again. */
export function isLasting(code: string): boolean {
  return LASTING.has(code);
}
