import { DumpError, type DumpErrorCode } from "../errors.js";
import { type CompleteOptions, completeDump } from "../kernel/complete-dump.js";
import { type KernelView, kernelView } from "../kernel/kernel-view.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";

/** How a dump is looked at. */
export interface SessionOptions extends CompleteOptions {
  /** Warnings of opening the dump go on here. */
  readonly warnings?: Warnings;
}

/** All that is found out about a dump once, before anything is done with its pages. */
export interface Session {
  /** With its VMCOREINFO, wherever that came from, and its machine. */
  readonly dump: Dump;
  /** The dumped kernel; `undefined` if its struct pages were not found. */
  readonly view: KernelView | undefined;
  /** Why there is no view. */
  readonly whyNoView: DumpError | undefined;
  readonly warnings: Warnings;
}

/** A session whose struct pages were found. */
export interface ViewedSession extends Session {
  readonly view: KernelView;
}

/** Errors that say nothing about the dump's kernel: who meets one cannot go on. */
const NOT_ABOUT_THE_KERNEL: readonly DumpErrorCode[] = ["STRICT", "ABORTED", "INPUT_CHANGED", "NO_MEMORY"];

/** Finds a dump's VMCOREINFO and kernel. Throws what `completeDump` does; a kernel that is not found is no error here. */
export function openSession(input: Dump, options: SessionOptions = {}): Session {
  const warnings = options.warnings ?? new Warnings();
  return sessionOf(completeDump(input, warnings, options), warnings);
}

/** The session of a dump that is complete (`completeDump`). */
export function sessionOf(dump: Dump, warnings: Warnings): Session {
  try {
    return { dump, view: kernelView(dump, warnings), whyNoView: undefined, warnings };
  } catch (error) {
    if (!(error instanceof DumpError) || NOT_ABOUT_THE_KERNEL.includes(error.code)) throw error;
    return { dump, view: undefined, whyNoView: error, warnings };
  }
}

/** The session, if its struct pages were found. Throws why they were not: mostly `CANNOT_FILTER`. */
export function withView(session: Session): ViewedSession {
  const { view, whyNoView } = session;
  if (view === undefined) throw whyNoView;
  return { ...session, view };
}
