import { DumpError } from "../errors.js";
import { doubtOf } from "../filter/self-check/doubt.js";
import { completeWithKernel, completingWithKernel } from "../kernel/complete-dump.js";
import { runAwake } from "../long-work.js";
import type { Dump } from "../reader/dump.js";
import { Warnings } from "../warnings.js";
import { type AwakeSessionOptions, type Session, type SessionOptions, sessionOfComplete } from "./own-session.js";

/**
 * Finds a dump's VMCOREINFO and kernel. Throws what `completeWithKernel` throws; if no kernel is found, the session says why.
 * For a dump without VMCOREINFO it reads all memory: for minutes no other event, not even a signal, is handled.
 */
export function openSession(input: Dump, options: SessionOptions = {}): Session {
  const warnings = options.warnings ?? new Warnings();
  return sessionOfComplete(completeWithKernel(input, warnings, options, doubtOf), warnings);
}

/** The same while other events run; the signal stops it with `ABORTED`. */
export async function openSessionAwake(input: Dump, options: AwakeSessionOptions = {}): Promise<Session> {
  const warnings = options.warnings ?? new Warnings();
  const work = completingWithKernel(input, warnings, options, doubtOf);
  return sessionOfComplete(await runAwake(work, options), warnings);
}

/**
 * The same for the original of `dump`. If it has no VMCOREINFO, and none was given, that of the dump that was made from
 * it is tried: the run may have been given one.
 */
export async function openOriginalSession(
  original: Dump,
  dump: Dump,
  options: AwakeSessionOptions = {},
): Promise<Session> {
  const session = await openSessionAwake(original, options);
  const { vmcoreinfo, paths } = dump;
  if (session.dump.vmcoreinfo !== undefined || vmcoreinfo === undefined) return session;
  try {
    const given = { text: vmcoreinfo.text, name: paths[0] ?? "" };
    return await openSessionAwake(original, { ...options, vmcoreinfo: given });
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "BAD_OPTION") throw error;
    return session;
  }
}
