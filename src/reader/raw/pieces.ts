import { DumpError } from "../../errors.js";
import { aText, checkArgument } from "../../option-shape.js";
import { OPTION } from "../../option-words.js";
import { type Extents, layer, type Piece } from "../extents.js";

/**
 * Physical addresses of a piece of a raw file, in bytes. The pieces of a file are consecutive; the last may have no
 * end: then it ends with the file.
 */
export interface RawPiece {
  readonly start: number;
  readonly end: number | undefined;
}

/** Where the memory of a raw file is: its consecutive pieces, or "auto", to find it from its content. */
export type RawPlace = readonly RawPiece[] | "auto";

/** Parses the value of `--raw`: "auto", or pieces for `parseRawPieces`. Throws `BAD_OPTION`. */
export function parseRawPlace(text: string): RawPlace {
  checkArgument("text", text, aText);
  return text.trim() === "auto" ? "auto" : parseRawPieces(text);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * Parses addresses of `--raw`, decimal or hexadecimal, also with K, M, G or T: "0", or consecutive pieces of the file
 * as ranges, "0-3G,4G-". Throws `BAD_OPTION`.
 */
export function parseRawPieces(text: string): RawPiece[] {
  checkArgument("text", text, aText);
  const parts = text.split(",");
  return parts.map((part, i) => {
    const [from = "", to, ...more] = part.split("-");
    const start = addressOf(from.trim());
    const end = to === undefined || to.trim() === "" ? undefined : addressOf(to.trim());
    const last = i === parts.length - 1;
    const ordered = start !== undefined && (end === undefined || end > start);
    if (!ordered || more.length > 0 || (to !== undefined && to.trim() !== "" && end === undefined) || !(last || end)) {
      throw badRaw(text, `${JSON.stringify(shortened(part))} is not a range of addresses`);
    }
    return { start, end };
  });
}

/** A number of bytes; `undefined` if it is not one. */
export function addressOf(text: string): number | undefined {
  const [, digits, unit] = /^(0x[0-9a-f]+|\d+)([KMGT]?)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits) * (UNITS[(unit ?? "").toUpperCase()] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Where each byte of memory is in a file of `size` bytes. Throws `BAD_OPTION` if the pieces do not fit it. */
export function layOut(pieces: readonly RawPiece[], size: number, file: string): Extents {
  const laid: Piece[] = [];
  let position = 0;
  for (const { start, end } of pieces) {
    const length = (end ?? start + Math.max(0, size - position)) - start;
    if (length > 0) laid.push({ start, end: start + length, source: position });
    position += length;
  }
  if (laid.some(({ end }) => !Number.isSafeInteger(end))) throw misfit(file, "has an end above 2^53 bytes");
  if (position !== size) throw misfit(file, `has ${size} bytes, but the ranges of ${OPTION.raw} have ${position}`);
  const sorted = [...laid].sort((a, b) => a.start - b.start);
  if (sorted.some(({ start }, i) => i > 0 && start < (sorted[i - 1] as Piece).end)) {
    throw misfit(file, `cannot be laid out: the ranges of ${OPTION.raw} overlap`);
  }
  return layer(laid);
}

function badRaw(text: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", `${OPTION.raw} ${shortened(text)}: ${what}`, { cure: CURE });
}

/** The beginning of a long text: a list of ranges would fill the terminal. */
function shortened(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

const MOST_SHOWN = 200;

function misfit(file: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", what, { file, cure: CURE });
}

const CURE = `Give the physical address of the file's first byte, as in ${OPTION.rawZero}, or consecutive ranges where memory has holes, as in ${OPTION.rawRanges}; ${OPTION.rawAuto} looks for them`;
