import { speakAs } from "../option-words.js";

// Errors are shown by the main thread.
speakAs("both");

// The entry of a worker thread: piscina calls the exported functions by name.
export { check, compare, encode, extend, scan, search, start, zeros } from "./answers.js";
