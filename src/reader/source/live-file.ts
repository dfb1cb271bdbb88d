import { type Stats, statfsSync } from "node:fs";

/** `PROC_SUPER_MAGIC` of include/uapi/linux/magic.h: /proc/vmcore and /proc/kcore. */
const PROC = 0x9fa0;

/**
 * Whether an open file is not bytes on a disk but the memory of a machine, this one's or that of the kernel that crashed: a file of /proc, or a device.
 * There, reading a page with a memory error may stop the machine. Where it cannot be told it is no.
 */
export function isLiveFile(fd: number, stat: Stats): boolean {
  if (process.platform !== "linux") return false;
  if (stat.isCharacterDevice()) return true;
  // Disks have a major number (makedev(3)); what has none is a share, or in memory, and is looked at.
  if (((stat.dev >>> 8) & 0xfff) !== 0) return false;
  try {
    return statfsSync(`/proc/self/fd/${fd}`).type === PROC;
  } catch {
    return false;
  }
}
