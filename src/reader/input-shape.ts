import { aFileName, aFlag, aFunction, anObject, aSignal, atMost, optional, type Shape } from "../option-shape.js";
import type { InputOptions } from "./input-options.js";
import { OPEN_SHAPE } from "./open.js";
import type { SpoolOptions } from "./source/spool/spool-file.js";

const SPOOL: Shape<SpoolOptions> = { dir: optional(aFileName), limit: optional(atMost(0)) };

/** Where temporary files are. */
export const spoolOption = optional(anObject(SPOOL));

/** What `openInput` takes. */
export const INPUT_SHAPE: Shape<InputOptions> = {
  ...OPEN_SHAPE,
  spool: spoolOption,
  inPlace: optional(aFlag),
  digest: optional(aFlag),
  signal: optional(aSignal),
  onSpool: optional(aFunction),
};
