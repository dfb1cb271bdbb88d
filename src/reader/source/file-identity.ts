import { fstatSync, lstatSync } from "node:fs";

/** Which file it is, whatever its name. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Of an open file. With all digits: Windows has numbers that are larger than a number holds. Throws system errors. */
export function fileIdentity(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return { dev, ino };
}

/**
 * Whether a name is that of this file; links are not followed. It says so for this moment only: as long as the file is open, no other
 * can have its number. Throws system errors, but for a name that is not there.
 */
export function leadsTo(path: string, file: FileIdentity): boolean {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // libuv has two numbers for one Windows volume, of 32 and of 64 bits, depending on how it was asked.
  return found !== undefined && found.ino === file.ino && (found.dev === file.dev || process.platform === "win32");
}
