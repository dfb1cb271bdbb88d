import { aFileName, aFlag, aFunction, anObject, aSignal, atMost, maybe, type Shape } from "../option-shape.js";
import type { InputOptions } from "./input-options.js";
import { OPEN_SHAPE } from "./open-sources.js";
import type { SpoolOptions } from "./source/spool/spool-file.js";

const SPOOL: Shape<SpoolOptions> = { dir: maybe(aFileName), limit: maybe(atMost(0)) };

/** Checks the options of temporary files. */
export const spoolOption = maybe(anObject(SPOOL));

/** Checks the options of `openInput`. */
export const INPUT_SHAPE: Shape<InputOptions> = {
  ...OPEN_SHAPE,
  spool: spoolOption,
  identity: maybe(aFileName),
  inPlace: maybe(aFlag),
  digest: maybe(aFlag),
  signal: maybe(aSignal),
  onSpool: maybe(aFunction),
};
