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
import type { InputOptions } from "../reader/input-options.js";
import { INPUT_SHAPE } from "../reader/input-shape.js";
import { someWorkers, type WorkerThreads } from "../worker/threads.js";
import type { DigestContext } from "./verify-manifest.js";

/** How a dump is verified. */
export interface VerifyOptions extends CompleteOptions {
  /** What the file does not say of itself; of its original, too. */
  readonly open?: Omit<InputOptions, "salvage" | "signal">;
  /** The dump that it was made from: all files of a split set, or the dump itself, which stays open. */
  readonly against?: string | readonly string[] | Dump;
  /** The manifest of the run that wrote the dump: path or s3:// name. It is of one file. */
  readonly manifest?: string;
  /** The result of an audit of the dump, as `coresieve audit --result` writes it. It is of one file. */
  readonly audit?: string;
  /** The file of a public key (PEM, or a line of OpenSSH) that signed the manifest and the audit's result. */
  readonly key?: string;
  /** Findings of each kind that are told in detail. Default 10. */
  readonly maxFindings?: number;
  /** Worker threads to start for this run, or threads that are there already and stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** How far a run is, in pages; of a digest in bytes as pages of 4 KiB. */
export interface VerifyProgress {
  readonly phase: "check" | "compare" | "digest";
  readonly done: number;
  readonly total: number;
}

const { salvage: _salvage, signal: _signal, ...OPENED } = INPUT_SHAPE;

/** What a caller may give. */
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

/** Pages of a digest's progress. */
const DIGEST_PAGE = 4096;

/** Digests are told of as a phase of a verification, and end with it. */
export function digestContext({ signal, onProgress }: VerifyOptions): DigestContext {
  const told = (bytes: number) => Math.floor(bytes / DIGEST_PAGE);
  return {
    signal,
    onProgress: (done, total) => onProgress?.({ phase: "digest", done: told(done), total: told(total) }),
  };
}
