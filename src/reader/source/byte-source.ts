import { closeSync, constants, fstatSync, openSync, type Stats, statfsSync } from "node:fs";
import { DumpError, systemErrorCode } from "../../errors.js";
import { foreignReason, piped } from "../../option-words.js";
import { lostDirectory } from "../../surroundings.js";
import { cutOffError } from "../damage.js";
import { readFully } from "./full-io.js";

/** Bytes at offsets, from any place. Reads are synchronous: a worker has nothing else to do while it waits. */
export interface ByteSource {
  /** Its name in messages. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Fills `into` from `offset` on. Returns how many bytes were read (fewer only at the end of the source). */
  read(into: Uint8Array, offset: number): number;
  /**
   * The end of the zeros at `offset` that are not stored anywhere; `offset` if there are none. A few bytes of a file
   * may stand for petabytes of zeros.
   */
  zerosEnd?(offset: number): number;
}

/**
 * An open file, as plain data. File descriptors belong to the process, so a worker thread can use one that the main
 * thread opened, and all threads read the same file even if another file gets its name meanwhile.
 */
export interface FileHandle {
  readonly path: string;
  readonly fd: number;
  readonly size: number;
  /** When it was last written, in milliseconds. At the end of a run this must not have changed. */
  readonly mtimeMs: number;
  /** Bytes that the file system stores for it, if the file has holes and the file system is one that says so at once. */
  readonly stored?: number;
  /** Whether it is the memory of a machine, not bytes on a disk: see byte-source.ts. */
  readonly live?: boolean;
  /**
   * Offsets count from this place of the file, which may be beyond the safe integers (/proc/kcore). Then the system's
   * size and time of the file are not used.
   */
  readonly base?: bigint;
}

/**
 * Does not wait: a FIFO without a writer would block the whole program, including its signals, and is not a file to
 * seek in anyway.
 */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Opens a file for reading. Throws `NOT_READABLE` for a missing or unreadable file, a directory, an empty file. */
export function openFile(path: string): FileHandle {
  let fd: number;
  try {
    fd = openSync(path, READ);
  } catch (error) {
    const lost = lostDirectory(path, error);
    if (lost !== undefined) throw lost;
    throw new DumpError("NOT_READABLE", `cannot be opened: ${describeSystemError(error)}`, {
      file: path,
      cure: addressCure(path) ?? procCure(path) ?? nameCure(path) ?? openCure(error),
      cause: error,
    });
  }
  let stat: Stats;
  try {
    stat = statOpen(fd, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const problem = stat.isDirectory()
    ? ["is a directory, not a dump", "Name the dump file inside it"]
    : !stat.isFile() && stat.size === 0
      ? ["is not a regular file", "coresieve needs a file it can seek in: save the stream to a file first"]
      : stat.size === 0
        ? ["is empty", "Check that it was written to the end"]
        : undefined;
  if (problem !== undefined) {
    closeSync(fd);
    const cure = procCure(path) ?? (problem[1] as string);
    throw new DumpError("NOT_READABLE", problem[0] as string, { file: path, cure });
  }
  const file = { path, fd, size: stat.size, mtimeMs: stat.mtimeMs };
  if (isLiveFile(fd, stat)) return { ...file, live: true };
  const stored = storedOf(fd, stat);
  return stored === undefined ? file : { ...file, stored };
}

/**
 * ext4, XFS, Btrfs, tmpfs. Network file systems and ZFS count blocks late or not at all, and may be those below an
 * overlayfs.
 */
const COUNTS_BLOCKS: ReadonlySet<number> = new Set([0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994]);

/** The bytes that are stored for a file with holes; `undefined` for one without, or where nobody knows. */
function storedOf(fd: number, stat: Stats): number | undefined {
  const stored = stat.blocks * 512;
  if (!stat.isFile() || !(stored < stat.size)) return undefined;
  try {
    return COUNTS_BLOCKS.has(statfsSync(`/proc/self/fd/${fd}`).type) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Bytes that are no UTF-8 are U+FFFD by the time a program sees them: the file is there, and cannot be reached by that
 * name.
 */
function nameCure(path: string): string | undefined {
  return path.includes("\ufffd")
    ? "Its name is not UTF-8, and Node.js has no other names: give it another, or a link"
    : undefined;
}

function openCure(error: unknown): string {
  const code = systemErrorCode(error) ?? "";
  if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(code)) return "Check its name";
  return ["EACCES", "EPERM"].includes(code)
    ? "Check your permission to read it"
    : "Check the name and your permission to read it";
}

/**
 * What files of the kernel need: /proc/vmcore exists in a kdump kernel only; /proc/kcore only for root, may be locked,
 * and containers hide it behind /dev/null.
 */
function procCure(path: string): string | undefined {
  if (path === "/proc/vmcore")
    return "Only the kernel that kdump starts after a crash has it: name the dump that was saved there";
  if (path !== "/proc/kcore") return undefined;
  return "It needs root (CAP_SYS_RAWIO) on the machine itself, not in a container, a kernel with CONFIG_PROC_KCORE, and no lockdown=confidentiality";
}

/** What to do if a URL was given as a file's name. */
function addressCure(path: string): string | undefined {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(path) ?? [];
  switch (scheme?.toLowerCase()) {
    case undefined:
      return /^[^/]+@[^/:]+:/.test(path) ? `Fetch it through a pipe: ${piped("ssh HOST cat FILE")}` : undefined;
    case "ftp":
      return `Fetch it through a pipe: ${piped(`curl -L ${path}`)}`;
    case "file":
      return "Give the path alone, without file://";
    default:
      return "Of addresses, s3://BUCKET/KEY, https:// and http:// are read: fetch it to a file, or send it through a pipe into `coresieve - OUT`";
  }
}

/** The system's data of an open file. Throws `NOT_READABLE`: a network share may be gone. */
export function statOpen(fd: number, path: string): Stats {
  try {
    return fstatSync(fd);
  } catch (error) {
    throw new DumpError("NOT_READABLE", `cannot be looked at: ${describeSystemError(error)}`, {
      file: path,
      cure: "Check the disk or network share it lies on",
      cause: error,
    });
  }
}

/** A source over an open file. */
export function fileSource(file: FileHandle): ByteSource {
  return {
    name: file.path,
    size: file.size,
    read(into, offset) {
      // A damaged offset may be too large for the system call.
      if (offset >= file.size) return 0;
      try {
        return readFully(file.fd, into, offset, file.base);
      } catch (error) {
        throw new DumpError("NOT_READABLE", `cannot be read: ${describeSystemError(error)}`, {
          file: file.path,
          offset,
          cure: "Check the disk or network share it lies on",
          cause: error,
        });
      }
    },
  };
}

/**
 * Reads exactly `length` bytes. Throws `TRUNCATED` if the source ends before; `what` names the bytes in the message.
 */
export function readExactly(source: ByteSource, offset: number, length: number, what: string): Uint8Array {
  // Checked before anything is allocated: the length may come from a damaged header.
  if (offset + length > source.size) throw truncated(source, offset, length, Math.max(0, source.size - offset), what);
  const bytes = new Uint8Array(length);
  readInto(source, bytes, offset, what);
  return bytes;
}

/** Fills `into`. Throws `TRUNCATED` if the source ends before. */
export function readInto(source: ByteSource, into: Uint8Array, offset: number, what: string): void {
  const n = source.read(into, offset);
  if (n < into.length) throw truncated(source, offset, into.length, n, what);
}

function truncated(source: ByteSource, offset: number, expected: number, found: number, what: string): DumpError {
  return cutOffError(source.name, `ends in its ${what}: ${expected} bytes expected, ${found} are there`, offset);
}

/** At most `length` bytes: as many as the source has. */
export function readWhatIsThere(source: ByteSource, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, source.size - offset)));
  return bytes.subarray(0, source.read(bytes, offset));
}

/** Whether room is what is missing, on a disk, in a quota (of bytes or of files), or up to a limit on file sizes. */
export function isWithoutRoom(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes(systemErrorCode(error) ?? "");
}

/** A system error in words, without the call and path that Node appends. */
export function describeSystemError(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EPERM: "permission denied",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of the path is not a directory",
    EIO: "input/output error",
    ENOSPC: "no space left on the device",
    EDQUOT: "disk quota exceeded",
    EROFS: "the file system is read-only",
    EFBIG: "the file would be larger than the file system or a limit allows",
    ENAMETOOLONG: "the name is too long",
    ELOOP: "a symbolic link leads in a circle",
    EMFILE: "too many open files",
    EBUSY: "something else is using it",
    ESTALE: "the network share has lost the file",
  };
  const code = systemErrorCode(error);
  if (code !== undefined && words[code] !== undefined) return `${words[code]} (${code})`;
  if (code !== undefined && /^error \d+$/.test(code)) return `the system's ${code}`;
  if (code !== undefined && error instanceof Error) return `${foreignReason(withoutCall(error.message))} (${code})`;
  return foreignReason(error);
}

/**
 * "ENOTEMPTY: directory not empty, rmdir '/a'" without the code and the call. The path is removed too, because it may
 * be that of a descriptor.
 */
function withoutCall(message: string): string {
  return /^[A-Z0-9]+: (.*?)(, \w+( '.*)?)?$/s.exec(message)?.[1] ?? message;
}

/** `PROC_SUPER_MAGIC` of include/uapi/linux/magic.h: /proc/vmcore and /proc/kcore. */
const PROC = 0x9fa0;

/**
 * Whether an open file is the memory of a machine (of this one, or of the kernel that crashed) and not bytes on a disk:
 * a file of /proc, or a device. There, reading a page with a memory error may stop the machine. False if it cannot be
 * found out.
 */
function isLiveFile(fd: number, stat: Stats): boolean {
  if (process.platform !== "linux") return false;
  if (stat.isCharacterDevice()) return true;
  // Disks have a major number (makedev(3)). A file system without one is a share or in memory, and is checked.
  if (((stat.dev >>> 8) & 0xfff) !== 0) return false;
  try {
    return statfsSync(`/proc/self/fd/${fd}`).type === PROC;
  } catch {
    return false;
  }
}
