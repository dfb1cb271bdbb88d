// The entry of a worker thread: piscina calls the exported functions by name.
import "../use-code-cache.js";

export { saveCode } from "../code-cache.js";
export { check, compare, encode, extend, scan, start, zeros } from "./answers.js";
