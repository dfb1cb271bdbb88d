import { doubtOf } from "../filter/self-check/doubt.js";
import { completeWithKernel } from "../kernel/complete-dump.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";
import { type Session, type SessionOptions, sessionOfComplete } from "./own-session.js";

/**
 * Finds a dump's VMCOREINFO and kernel. Throws what `completeDump` throws; if no kernel is found, the session says why.
 */
export function openSession(input: Dump, options: SessionOptions = {}): Session {
  const warnings = options.warnings ?? new Warnings();
  return sessionOfComplete(completeWithKernel(input, warnings, options, doubtOf), warnings);
}
