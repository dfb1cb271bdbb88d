import { basename } from "node:path";
import type { InputFile } from "../manifest/digest.js";
import { recordOfFile } from "../manifest/manifest.js";
import { packageVersion } from "../package-version.js";
import type { AuditResult } from "./audit-result.js";

/** What the record of an audit is bound to. */
export interface AuditFacts {
  /** The audited files, with digests. */
  readonly files: readonly InputFile[];
  readonly started: Date;
  readonly ended: Date;
  readonly options: {
    /** Number of byte strings that were searched for. */
    readonly secrets: number;
    /** The file of the original, if its struct pages were used. */
    readonly original: string | undefined;
    readonly vmlinux: string | undefined;
    readonly salvage: boolean;
  };
}

/** An audit as JSON; docs/audit.md describes it. Unknown values are null. */
export function auditJson(result: AuditResult, facts: AuditFacts): object {
  const { kernelRelease, secrets, rules: _, ...rest } = result;
  const { options } = facts;
  const name = (path: string | undefined) => (path === undefined ? null : basename(path));
  return {
    schema: 1,
    tool: { name: "coresieve", version: packageVersion(), node: process.version },
    started: facts.started.toISOString(),
    ended: facts.ended.toISOString(),
    audited: facts.files.map(recordOfFile),
    options: {
      secrets: options.secrets,
      original: name(options.original),
      vmlinux: name(options.vmlinux),
      salvage: options.salvage,
    },
    ...rest,
    kernelRelease: kernelRelease ?? null,
    secrets: secrets ?? null,
  };
}
