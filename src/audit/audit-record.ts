import { basename } from "node:path";
import type { InputFile } from "../manifest/digest.js";
import { packageVersion } from "../package-version.js";
import type { AuditResult } from "./audit-result.js";

/** What an audit's result is bound to. */
export interface AuditFacts {
  /** The audited files, with digests. */
  readonly files: readonly InputFile[];
  readonly started: Date;
  readonly ended: Date;
  readonly options: {
    /** How many byte strings were searched for. */
    readonly secrets: number;
    /** The file of the original whose struct pages were used, too. */
    readonly original: string | undefined;
    readonly vmlinux: string | undefined;
    readonly salvage: boolean;
  };
}

/** An audit as JSON; docs/audit.md describes it. Values that are not known are null. */
export function auditJson(result: AuditResult, facts: AuditFacts): object {
  const { kernelRelease, secrets, rules: _, ...rest } = result;
  const { options } = facts;
  const name = (path: string | undefined) => (path === undefined ? null : basename(path));
  return {
    schema: 1,
    tool: { name: "coresieve", version: packageVersion(), node: process.version },
    started: facts.started.toISOString(),
    ended: facts.ended.toISOString(),
    audited: facts.files.map(({ path, bytes, sha256, covers }) => {
      return { name: basename(path), bytes, sha256: sha256 ?? null, covers: covers ?? null };
    }),
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
