import { fstatSync, lstatSync } from "node:fs";

/** Identifies a file, whatever its name is. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The identity of an open file, as bigints: Windows has numbers above the safe integers. Throws system errors. */
export function fileIdentity(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return { dev, ino };
}

/**
 * Whether a name is that of this file; links are not followed. The result is valid only for this moment. While the file
 * is open, no other file can have its number. Throws system errors, except for a name that does not exist.
 */
export function leadsTo(path: string, file: FileIdentity): boolean {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // libuv reports two numbers for one Windows volume, of 32 and of 64 bits, depending on the call.
  return found !== undefined && found.ino === file.ino && (found.dev === file.dev || process.platform === "win32");
}
