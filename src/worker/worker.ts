// The entry of a worker thread: piscina calls the exported functions by name.
import "../use-code-cache.js";
import { hasNewCode, saveCode as save } from "../code-cache.js";

export { check, compare, encode, extend, scan, start, zeros } from "./answers.js";

/** Keeps what V8 has compiled in this thread, for the next run. */
export function saveCode(): void {
  if (hasNewCode()) save();
}
