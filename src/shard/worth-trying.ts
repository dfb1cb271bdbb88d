import { DumpError, type DumpErrorCode } from "../errors.js";

/** Errors that occur again on every host. */
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
 * Whether a failed step of a run by many hosts may succeed if it is tried again, later or on another host: after a
 * share that is not mounted, a full disk, a store that does not answer, another library. Faults of the dump, the
 * options or the output are permanent.
 */
export function isWorthTrying(error: unknown): boolean {
  return error instanceof DumpError && !isLasting(error.code) && error.systemError !== "ENAMETOOLONG";
}

/** Whether a run that failed with that code will always fail. */
export function isLasting(code: string): boolean {
  return LASTING.has(code);
}
