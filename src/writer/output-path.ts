import { lstatSync, readlinkSync, realpathSync, type Stats, statfsSync, statSync } from "node:fs";
import nodePath, { basename, dirname, isAbsolute, join } from "node:path";
import { DumpError, systemErrorCode } from "../errors.js";
import { either, OPTION } from "../option-words.js";
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import { isStorePath } from "../store/store-url.js";
import { lostDirectory } from "../surroundings.js";
import { isHttpOutput } from "./part-urls.js";

/** Linux follows this many links in one name. */
const MAX_LINKS = 40;
/** Folders of the system in which names stand for devices and processes. /dev/shm is memory for ordinary files. */
const SYSTEM = /^\/(dev|proc|sys)(\/|$)/;
const MEMORY = /^\/dev\/shm\//;
const OPEN_FILE = /^\/dev\/(stdin|stdout|stderr)$|^\/(dev|proc\/[^/]+(\/task\/\d+)?)\/fd\//;

/**
 * Decides what the name of an output means, for outputs of all kinds. Returns the path of the file to create: the name
 * itself, or, if it is a symbolic link, the link's final target, whether it exists or not. Refuses by name `-`,
 * folders, names of this program's open files (/dev/stdout, /dev/fd/1), and everything else in /dev, /proc and /sys.
 * Throws `NOT_WRITABLE`.
 */
export function outputFile(path: string): string {
  if (path === "") throw new DumpError("NOT_WRITABLE", "the output has no name", { cure: "Name a file" });
  // `-` stands for stdout, which is possible only for a filter run's output, and that never gets here.
  if (path === "-") {
    throw new DumpError("NOT_WRITABLE", "this output must be a file; it cannot go to stdout", {
      file: path,
      cure: "Name a file (./- for a file called -)",
    });
  }
  // Bytes that are not valid text arrive as this character, which would then be in the file's name.
  if (path.includes("\ufffd")) throw cannotBeCreated(path, "its name is not UTF-8, and Node.js has no other names");
  if (namesFolder(path)) throw cannotBeCreated(path, "its name is that of a folder");
  try {
    // The system itself refuses links that are traps (fs.protected_symlinks), and circles.
    statSync(path, { throwIfNoEntry: false });
    let at = path;
    for (let links = 0; ; links++) {
      // The system resolves all links of the folder: `..` behind a link does not mean what the text says.
      const real = join(realpathSync.native(dirname(at)), basename(at));
      checkPlace(path, real);
      const found = lstatSync(real, { throwIfNoEntry: false });
      if (found?.isSymbolicLink() !== true) return links === 0 ? path : real;
      if (links === MAX_LINKS) throw cannotBeCreated(path, "its symbolic links do not end");
      checkOwner(path, real, found);
      const target = readlinkSync(real);
      at = isAbsolute(target) ? target : `${dirname(real)}/${target}`;
    }
  } catch (error) {
    throw error instanceof DumpError ? error : cannotBeCreated(path, error);
  }
}

/** Whether the names of two outputs lead to the same file. Errors in a name are reported when it is opened. */
export function sameOutput(a: string, b: string): boolean {
  const [one, other] = [plain(a), plain(b)];
  if (samePath(one, other)) return true;
  if (!sameFolder(dirname(one), dirname(other))) return false;
  return samePath(basename(one), basename(other)) || sameName(basename(one), basename(other), typeOf(dirname(one)));
}

/** File systems for which names that differ by case, or by dots at their end, are one, by Linux's numbers: vfat, exFAT, SMB (three), HFS+. */
const FOLDING = new Set([0x4d44, 0x2011bab0, 0xff534d42, 0xfe534d42, 0x517b, 0x482b]);

/** Whether two names in a folder are one for its file system, which has this number (statfs). */
export function sameName(a: string, b: string, fileSystem: number): boolean {
  const folded = (name: string) => name.toLowerCase().replace(/\.+$/, "");
  return FOLDING.has(fileSystem) && folded(a) === folded(b);
}

function typeOf(folder: string): number {
  try {
    return statfsSync(folder).type;
  } catch {
    return 0;
  }
}

/** Whether two paths are one folder, which a bind mount shows at two places. Errors are reported when it is opened. */
function sameFolder(a: string, b: string): boolean {
  try {
    const [one, other] = [a, b].map((path) => statSync(path, { bigint: true }));
    return one?.dev === other?.dev && one?.ino === other?.ino;
  } catch {
    return false;
  }
}

function plain(path: string): string {
  if (isStorePath(path) || isHttpOutput(path)) return path;
  try {
    const file = outputFile(path);
    return join(realpathSync.native(dirname(file)), basename(file));
  } catch {
    return path;
  }
}

/** The error of an output that cannot be created; the reason is a system error, or a text. */
export function cannotBeCreated(path: string, error: unknown): DumpError {
  const lost = lostDirectory(path, error);
  if (lost !== undefined) return lost.with({ code: "NOT_WRITABLE" });
  const why =
    typeof error === "string"
      ? error
      : systemErrorCode(error) === "ENOENT"
        ? "there is no such folder (ENOENT)"
        : describeSystemError(error);
  const full = isWithoutRoom(error);
  return new DumpError(full ? "NO_SPACE" : "NOT_WRITABLE", `cannot be created: ${why}`, {
    file: path,
    cure: full ? "Make room, or name another disk" : "Name a file in a folder that exists and that you may write to",
    cause: error,
  });
}

/** Refuses a file in /dev, /proc or /sys, by its real path. Throws `NOT_WRITABLE`. */
export function checkPlace(path: string, real: string): void {
  if (process.platform === "win32" || !SYSTEM.test(real) || MEMORY.test(real)) return;
  const isOpen = OPEN_FILE.test(real);
  const what = isOpen
    ? "is not a file but one that a program has open"
    : "is a device or a name of the system, not a file";
  throw new DumpError("NOT_WRITABLE", path === real ? what : `${what}${either(` (${real})`, "")}`, {
    file: path,
    cure: isOpen
      ? `Name a file; only a filter run's dump goes to stdout, ${OPTION.stdout}`
      : `Name a file; only a filter run's dump goes through a pipe, ${OPTION.stdout}`,
  });
}

/**
 * In a folder where everybody may create files (/tmp), another user's link is a trap: its target would be overwritten.
 * With fs.protected_symlinks Linux refuses to follow such links by the same rule
 * (Documentation/admin-guide/sysctl/fs.rst).
 */
function checkOwner(path: string, link: string, { uid }: Stats): void {
  const user = process.geteuid?.();
  if (user === undefined || uid === user) return;
  const folder = statSync(dirname(link));
  const isForAll = (folder.mode & 0o1002) === 0o1002;
  if (!isForAll || folder.uid === uid) return;
  throw new DumpError("NOT_WRITABLE", "is a symbolic link of another user, in a folder that everybody may write to", {
    file: path,
    cure: `Look at what it leads to${either(` (ls -l ${link})`, "")}, and name that`,
  });
}

/**
 * If only the owner of a file or of its folder may rename or remove it (the sticky bit: /tmp, inode(7)), a new file
 * cannot take the name of another user's file. Without this check that would fail at the end of the run. Throws
 * `NOT_WRITABLE`.
 */
export function checkReplaceable(path: string, target: string, owner: number): void {
  const user = process.geteuid?.();
  if (user === undefined || user === 0 || owner === user) return;
  const folder = statSync(dirname(target));
  if ((folder.mode & 0o1000) === 0 || folder.uid === user) return;
  throw new DumpError(
    "NOT_WRITABLE",
    "belongs to another user, and in its folder only the owner of a file may replace it",
    {
      file: path,
      cure: "Name another file for the output",
    },
  );
}

/** Rules for paths, which differ between systems: node:path, or in tests its posix or win32. */
type PathRules = Pick<nodePath.PlatformPath, "sep" | "resolve">;

/** Whether a name ends like that of a folder. Windows accepts both slashes. */
export function namesFolder(path: string, { sep }: PathRules = nodePath): boolean {
  return path.endsWith("/") || path.endsWith(sep);
}

/** Whether two names lead to the same file, as far as names show that. Windows and macOS ignore case. */
export function samePath(
  a: string,
  b: string,
  { resolve }: PathRules = nodePath,
  system: NodeJS.Platform = process.platform,
): boolean {
  // Keys of objects are compared exactly.
  if (isStorePath(a) || isStorePath(b)) return a === b;
  const plain = (path: string) =>
    system === "win32" || system === "darwin" ? resolve(path).toLowerCase() : resolve(path);
  return plain(a) === plain(b);
}
