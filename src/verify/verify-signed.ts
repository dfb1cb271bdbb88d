import { DumpError } from "../errors.js";
import { digestFile, filesOfDump } from "../manifest/digest.js";
import { readRecord } from "../manifest/read-manifest.js";
import { isSignedBy, MAX_KEY_FILE, publicKeyOf, SIGNATURE_SUFFIX } from "../manifest/signature.js";
import type { Dump } from "../reader/dump.js";
import { isLive } from "../reader/source/input-changed.js";
import { readSideFile } from "../reader/source/side-file.js";
import type { Findings } from "./findings.js";
import type { DigestContext } from "./verify-manifest.js";

/**
 * Whether all files are signed by the owner of a key. Each one that is not is a finding. Throws `NOT_READABLE`,
 * `BAD_OPTION`, `CORRUPT`.
 */
export async function verifySignatures(files: readonly string[], key: string, findings: Findings): Promise<boolean> {
  const owner = publicKeyOf((await readSideFile(key, MAX_KEY_FILE)).toString("latin1"), key);
  let all = true;
  for (const file of files) {
    const bytes = await readRecord(file);
    const name = `${file}${SIGNATURE_SUFFIX}`;
    const signature = await readSideFile(name, MAX_KEY_FILE).catch((error) => {
      if (error instanceof DumpError && error.systemError === "ENOENT") return undefined;
      throw error;
    });
    const message =
      signature === undefined
        ? `${name}, its signature, is not there`
        : isSignedBy(bytes, signature.toString("latin1"), owner, name)
          ? undefined
          : "it was not signed with this key, or was changed since";
    if (message === undefined) continue;
    findings.add({ kind: "signature", message, file });
    all = false;
  }
  return all;
}

/** How a dump compares with the result of an audit. */
export interface AuditCheck {
  readonly file: string;
  /**
   * Whether the audited file is byte for byte this one; `undefined` if the result has no digest, or the file cannot be
   * read twice.
   */
  readonly sameFile: boolean | undefined;
  /** Whether the audit found nothing. */
  readonly clean: boolean;
}

const HEX = /^[0-9a-f]{64}$/;

/**
 * Compares a dump with the file that `coresieve audit --result FILE` wrote. Throws `NOT_READABLE`, and `CORRUPT` if it
 * is not such a file.
 */
export async function verifyAudited(
  path: string,
  dump: Dump | undefined,
  file: string,
  findings: Findings,
  { signal, onProgress }: DigestContext,
): Promise<AuditCheck> {
  const { audited, clean } = parseAudit((await readRecord(file)).toString("utf8"), file);
  if (!clean) findings.add({ kind: "audit", message: "the audit found something", file });
  const live = dump !== undefined && isLive(dump.image);
  const { sha256: recorded } = audited[0] ?? {};
  if (audited.length !== 1 || recorded === null || recorded === undefined || live) {
    return { file, sameFile: undefined, clean };
  }
  const found =
    dump === undefined
      ? await digestFile(path, signal, onProgress)
      : (await filesOfDump(dump, true, signal, onProgress))[0];
  const sameFile = found?.sha256 === recorded;
  if (!sameFile) {
    const message = `the file has the SHA-256 ${found?.sha256}; that which was audited has ${recorded}`;
    findings.add({ kind: "audit", message, file: path });
  }
  return { file, sameFile, clean };
}

interface AuditRecord {
  readonly audited: readonly { readonly sha256: string | null; readonly covers: string | null }[];
  readonly clean: boolean;
}

/** Parses the members of an audit's result that are needed. Throws `CORRUPT`. */
export function parseAudit(text: string, file: string): AuditRecord {
  let record: Partial<AuditRecord> | null | undefined;
  try {
    record = JSON.parse(text);
  } catch {
    record = undefined;
  }
  const audited = record?.audited;
  const isFile = (one: unknown) =>
    typeof one === "object" && one !== null && "sha256" in one && (one.sha256 === null || HEX.test(String(one.sha256)));
  if (typeof record?.clean !== "boolean" || !Array.isArray(audited) || !audited.every(isFile)) {
    throw new DumpError("CORRUPT", "is not the result of an audit", {
      file,
      cure: "Name the file that `coresieve audit DUMP --result FILE` wrote",
    });
  }
  return { audited, clean: record.clean };
}
