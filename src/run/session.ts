import { DumpError } from "../errors.js";
import { doubtOf } from "../filter/self-check/doubt.js";
import { completeWithKernel } from "../kernel/complete-dump.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";
import { type Session, type SessionOptions, sessionOfComplete } from "./own-session.js";

/**
 * Finds a dump's VMCOREINFO and kernel. Throws what `completeWithKernel` throws; if no kernel is found, the session says why.
 */
export function openSession(input: Dump, options: SessionOptions = {}): Session {
  const warnings = options.warnings ?? new Warnings();
  return sessionOfComplete(completeWithKernel(input, warnings, options, doubtOf), warnings);
}

/**
 * The same for the original of `dump`. If it has no VMCOREINFO, and none was given, that of the dump that was made from
 * it is tried: the run may have been given one.
 */
export function openOriginalSession(original: Dump, dump: Dump, options: SessionOptions = {}): Session {
  const session = openSession(original, options);
  const { vmcoreinfo, paths } = dump;
  if (session.dump.vmcoreinfo !== undefined || vmcoreinfo === undefined) return session;
  try {
    return openSession(original, { ...options, vmcoreinfo: { text: vmcoreinfo.text, name: paths[0] ?? "" } });
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "BAD_OPTION") throw error;
    return session;
  }
}
