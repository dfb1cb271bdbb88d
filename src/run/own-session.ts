import { DumpError } from "../errors.js";
import { doubtOf } from "../filter/self-check/doubt.js";
import { saysNothingOfKernel } from "../kernel/cannot-filter.js";
import { type CompleteDump, type CompleteOptions, completingOwn } from "../kernel/complete-own.js";
import { type KernelView, kernelView } from "../kernel/kernel-view.js";
import { type AwakeOptions, runAwake } from "../long-work.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";

/** How to find a dump's kernel. */
export interface SessionOptions extends CompleteOptions {
  /** Where the run's warnings go: give the `Warnings` that `openDump` was given, and one list has all. */
  readonly warnings?: Warnings;
}

/** How to find it while other events run. */
export type AwakeSessionOptions = SessionOptions & Pick<AwakeOptions, "signal" | "onReached">;

/** Makes an `onReached` that reports the search of a dump's memory as a phase of a run. */
export function reportSearch(
  { maxMapnr, pageSize }: Dump,
  onProgress: ((progress: { phase: "find"; done: number; total: number }) => void) | undefined,
): AwakeOptions["onReached"] {
  return onProgress && ((paddr) => onProgress({ phase: "find", done: Math.floor(paddr / pageSize), total: maxMapnr }));
}

/** What is found out about a dump once, before its pages are processed. */
export interface Session {
  /** With its VMCOREINFO, whatever its source, and its machine. */
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

/**
 * Finds a dump's VMCOREINFO and kernel without a vmlinux. Throws what `completingOwn` throws; if no kernel is found, the
 * session says why. Other events run now and then, and the signal stops it with `ABORTED`.
 */
export async function openOwnSession(
  input: Dump,
  options: Omit<AwakeSessionOptions, "vmlinux"> = {},
): Promise<Session> {
  const warnings = options.warnings ?? new Warnings();
  return sessionOfComplete(await runAwake(completingOwn(input, warnings, options, doubtOf), options), warnings);
}

/** The session of a dump whose view may be known already. */
export function sessionOfComplete({ dump, view, damage }: CompleteDump, warnings: Warnings): Session {
  if (view !== undefined) return { dump, view, whyNoView: undefined, warnings };
  const session = sessionOf(dump, warnings);
  return session.view === undefined && damage !== undefined ? { ...session, whyNoView: damage } : session;
}

/** The session of a complete dump (`completeWithKernel`): looks for its kernel. */
export function sessionOf(dump: Dump, warnings: Warnings): Session {
  try {
    return { dump, view: kernelView(dump, warnings), whyNoView: undefined, warnings };
  } catch (error) {
    if (!(error instanceof DumpError) || saysNothingOfKernel(error)) throw error;
    return { dump, view: undefined, whyNoView: error, warnings };
  }
}

/** The session, if its struct pages were found. Throws the reason if not, mostly `CANNOT_FILTER`. */
export function withView(session: Session): ViewedSession {
  const { view, whyNoView } = session;
  if (view === undefined) throw whyNoView;
  return { ...session, view };
}
