import { type Stats, statfsSync } from "node:fs";

/** `PROC_SUPER_MAGIC` of include/uapi/linux/magic.h: /proc/vmcore and /proc/kcore. */
const PROC = 0x9fa0;

/**
 * Whether an open file is the memory of a machine (of this one, or of the kernel that crashed) and not bytes on a disk:
 * a file of /proc, or a device. There, reading a page with a memory error may stop the machine. False if it cannot be
 * found out.
 */
export function isLiveFile(fd: number, stat: Stats): boolean {
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
