import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import {
  aDump,
  aFileName,
  aFunction,
  anObject,
  aSignal,
  atMost,
  eitherOf,
  maybe,
  type Shape,
  someFileNames,
} from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import { INPUT_SHAPE, type InputOptions } from "../reader/input-options.js";
import { someWorkers, type WorkerThreads } from "../worker/threads.js";
import type { DigestContext } from "./verify-manifest.js";

/** How to verify a dump. */
export interface VerifyOptions extends CompleteOptions {
  /** What the file does not say about itself. Used for its original, too. */
  readonly open?: Omit<InputOptions, "salvage" | "signal">;
  /** The dump that it was made from: all files of a split set, or an open dump, which stays open. */
  readonly against?: string | readonly string[] | Dump;
  /** The manifest of the run that wrote the dump: path or s3:// name. The dump must be one file. */
  readonly manifest?: string;
  /** The result of an audit of the dump, as `coresieve audit --result` writes it. The dump must be one file. */
  readonly audit?: string;
  /**
   * The file with the public key (PEM, or a line of OpenSSH) of the signatures of the manifest and of the audit's
   * result.
   */
  readonly key?: string;
  /** The most findings of each kind that are returned in detail. Default: 10. */
  readonly maxFindings?: number;
  /** Number of worker threads to start for this run, or existing threads, which stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** Progress of a run, in pages; for a digest, bytes as pages of 4 KiB. */
export interface VerifyProgress {
  readonly phase: "find" | "check" | "compare" | "digest";
  readonly done: number;
  readonly total: number;
}

const { salvage: _salvage, signal: _signal, ...OPENED } = INPUT_SHAPE;

/** Checks the options of `verifyDump`. */
export const VERIFY_SHAPE: Shape<VerifyOptions> = {
  ...COMPLETE_SHAPE,
  open: maybe(anObject(OPENED)),
  against: maybe(eitherOf((value) => typeof value === "object" && !Array.isArray(value), aDump, someFileNames)),
  audit: maybe(aFileName),
  key: maybe(aFileName),
  manifest: maybe(aFileName),
  maxFindings: maybe(atMost(0)),
  workers: someWorkers,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
};

/** Bytes of a page in the progress of a digest. */
const DIGEST_PAGE = 4096;

/** Reports digests as a phase of the verification, and stops them with it. */
export function digestContext({ signal, onProgress }: VerifyOptions): DigestContext {
  const pagesOf = (bytes: number) => Math.floor(bytes / DIGEST_PAGE);
  return {
    signal,
    onProgress: (done, total) => onProgress?.({ phase: "digest", done: pagesOf(done), total: pagesOf(total) }),
  };
}
