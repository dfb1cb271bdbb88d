import { auditDump } from "../audit/audit-dump.js";
import type { AuditResult } from "../audit/audit-result.js";
import { onlyGiven } from "../only-given.js";
import type { Dump } from "../reader/dump.js";
import { reportSearch } from "../run/own-session.js";
import { openSessionAwake } from "../run/session.js";
import { type VerifyResult, verifyDump } from "../verify/verify-dump.js";
import { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { HandOverOptions, HandOverProgress } from "./hand-over-types.js";
import type { HandOverPlace } from "./place.js";

/** The results of both checks of a written dump. */
export interface CheckedOutput {
  readonly audit: AuditResult;
  readonly verified: VerifyResult;
}

/**
 * Audits a dump that has no name yet, and verifies it against its original. The results use the name that the dump will
 * get.
 */
export async function checkOutput(
  written: Dump,
  original: Dump,
  options: HandOverOptions & { readonly workers: WorkerThreads },
  place: HandOverPlace,
  progress: (phase: HandOverProgress["phase"], done: number, total: number) => void,
): Promise<CheckedOutput> {
  const { secrets, signal, workers, vmlinux, vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice } = options;
  const stop = signal && { signal };
  // What was said of the kernel is true of the original. What was written has it in its own note, and may lack the memory.
  const given = onlyGiven({ vmlinux, vmcoreinfo, vmcoreinfoAt, vmcoreinfoDevice });
  const { dump: known } = await openSessionAwake(original, {
    ...{ ...given, ...stop, warnings: new Warnings() },
    onReached: reportSearch(original, ({ phase, done, total }) => progress(phase, done, total)),
  });
  const audit = await auditDump(written, {
    ...(secrets && { secrets }),
    ...(vmlinux && { complete: { vmlinux } }),
    ...{ original: known, rules: options.rules ?? false, warnings: new Warnings(), ...stop },
    onProgress: (done, total) => progress("audit", done, total),
  });
  const verified = await verifyDump(place.work.path(), {
    ...{ against: known, workers, ...(vmlinux && { vmlinux }), ...stop },
    onProgress: ({ phase, done, total }) => progress(phase === "check" ? "verify" : phase, done, total),
  });
  const held = new Set([...written.paths, ...verified.files]);
  const named = <T extends { readonly file?: string }>(one: T): T =>
    one.file !== undefined && held.has(one.file) ? { ...one, file: place.name } : one;
  return {
    audit: {
      ...audit,
      files: [place.name],
      places: audit.places.map((one) => (one.where === "page" ? one : named(one))),
    },
    verified: { ...verified, files: [place.name], findings: verified.findings.map(named) },
  };
}
