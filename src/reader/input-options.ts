import type { OpenOptions } from "./open-sources.js";
import type { SpoolOptions } from "./source/spool/spool-file.js";
import type { SpoolProgress } from "./source/spool/spool-stream.js";

/** How an input is opened that may be a stream, or packed. */
export interface InputOptions extends OpenOptions {
  /** The temporary file for what cannot be read at any place. */
  readonly spool?: SpoolOptions;
  /** A file of age identities (`age-keygen`), for a dump that is sealed with age. */
  readonly identity?: string;
  /** Refuses objects that are packed: who opens an input many times would unpack all of it each time. */
  readonly inPlace?: boolean;
  /** Takes the SHA-256 of what is read to its end anyway: `filesOfDump` has it then without reading it again. */
  readonly digest?: boolean;
  /** Stops the reading of a stream. */
  readonly signal?: AbortSignal;
  /** While a stream is read; `name` is what it is called in messages. */
  readonly onSpool?: (name: string, progress: SpoolProgress) => void;
}
