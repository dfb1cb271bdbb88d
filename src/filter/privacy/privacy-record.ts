import { ERASED } from "../erase/spans.js";
import type { Scrubbed } from "./scrubbed.js";

const DROPPED = "privacy drop all but the kernel's own pages";
const ZEROED = "privacy zero ";

/** The line of `--privacy strict`. */
export const STRICT_RECORD = `${ZEROED}all but the kernel's numbers and addresses`;

/** The lines of a run with `--privacy` for the output's eraseinfo. */
export function privacyRecord(overwritten: Iterable<Scrubbed>): string[] {
  return [DROPPED, ...[...overwritten].map((kind) => `${ZEROED}${kind}`)];
}

/** How a dump differs from its original, according to its eraseinfo. */
export interface EraseRecord {
  /** Whether it was made with `--privacy`. */
  readonly privacy: boolean;
  /** Bytes with which erased data were overwritten. */
  readonly fills: readonly number[];
}

/** Parses the lines of `--privacy`, and those of `--erase` and makedumpfile: X, and 0 for nullified pointers. */
export function readEraseRecord(eraseinfo: Uint8Array | undefined): EraseRecord {
  const lines = Buffer.from(eraseinfo ?? [])
    .toString("latin1")
    .split(/[\n\0]+/);
  const nullified = lines.some((line) => /^erase .* nullify$/.test(line));
  const fills = [
    ...(lines.some((line) => /^erase .* size /.test(line)) ? [ERASED] : []),
    ...(nullified || lines.some((line) => line.startsWith(ZEROED)) ? [0] : []),
  ];
  return { privacy: lines.includes(DROPPED), fills };
}
