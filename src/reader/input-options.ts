import { aFileName, aFlag, aFunction, anObject, aSignal, atMost, maybe, type Shape } from "../option-shape.js";
import { OPEN_SHAPE, type OpenOptions } from "./open-sources.js";
import type { SpoolOptions } from "./source/spool/spool-file.js";
import type { SpoolProgress } from "./source/spool/spool-stream.js";

/** How to open an input that may be a stream or packed. */
export interface InputOptions extends OpenOptions {
  /** The temporary file for an input that cannot be read at any offset. */
  readonly spool?: SpoolOptions;
  /** A file of age identities (`age-keygen`), for a dump that is sealed with age. */
  readonly identity?: string;
  /** Refuses packed objects: a caller that opens an input many times would unpack all of it each time. */
  readonly inPlace?: boolean;
  /**
   * Computes the SHA-256 of inputs that are read to their end anyway, so that `filesOfDump` need not read them again.
   */
  readonly digest?: boolean;
  /** Stops the reading of a stream. */
  readonly signal?: AbortSignal;
  /** Called while a stream is read; `name` is the stream's name in messages. */
  readonly onSpool?: (name: string, progress: SpoolProgress) => void;
}

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
