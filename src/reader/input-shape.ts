import {
  abortSignal,
  callback,
  fileName,
  flag,
  hasMembers,
  listOf,
  most,
  object,
  optional,
  type Shape,
  such,
  whole,
} from "../option-shape.js";
import type { InputOptions } from "./input-options.js";
import type { OpenOptions } from "./open.js";
import type { RawPiece } from "./raw/pieces.js";
import type { SpoolOptions } from "./source/spool/spool-file.js";

const RAW_PIECE: Shape<RawPiece> = { start: whole(0), end: optional(whole(1)) };
const SPOOL: Shape<SpoolOptions> = { dir: optional(fileName), limit: optional(most(0)) };

/** Where temporary files are. */
export const spoolOption = optional(object(SPOOL));

/** What `openDump` takes. */
export const OPEN_SHAPE: Shape<OpenOptions> = {
  raw: optional(listOf(object(RAW_PIECE), 1)),
  machine: optional(such((value) => hasMembers(value, ["arch", "wordSize", "littleEndian"]), "a Machine")),
  salvage: optional(flag),
  openFile: optional(callback),
};

/** What `openInput` takes. */
export const INPUT_SHAPE: Shape<InputOptions> = {
  ...OPEN_SHAPE,
  spool: spoolOption,
  inPlace: optional(flag),
  digest: optional(flag),
  signal: optional(abortSignal),
  onSpool: optional(callback),
};
