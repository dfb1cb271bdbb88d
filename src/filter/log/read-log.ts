import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { FoundSpace } from "../arch/arch-support.js";
import { attachSpace, findSpace, type SpaceImage } from "../arch/archs.js";
import { kernelMemory } from "../kernel-memory.js";
import { readByteRing } from "./byte-ring.js";
import type { KernelLog } from "./log-record.js";
import { noLog } from "./no-log.js";
import { readRecordBuffer } from "./record-buffer.js";
import { readRingBuffer } from "./ring-buffer.js";

/**
 * The kernel's log out of a dump, oldest record first, of any kernel since 2.6.32. Needs VMCOREINFO and the kernel's
 * page tables, but no struct pages: it works on dumps that cannot be filtered. `sinceClear`: only what came after the
 * last `dmesg --clear`. Throws `CANNOT_FILTER` with what is missing.
 */
export function readKernelLog(dump: Dump, sinceClear = false): KernelLog {
  const info = dump.vmcoreinfo;
  if (info === undefined) throw noLog(dump, "it has no VMCOREINFO, neither in a note nor in its memory");
  const { image, lowestAddress } = spaceOf(dump, info);
  const space = attachSpace(image, dump.memory);
  const memory = kernelMemory(info, dump.machine, dump.pageSize, space, dump.memory, lowestAddress);
  const log =
    readRingBuffer(memory, sinceClear) ?? readRecordBuffer(memory, sinceClear) ?? readByteRing(memory, sinceClear);
  if (log === undefined) throw noLog(dump, "its log buffer was not found (prb, log_buf)");
  return log;
}

function spaceOf(dump: Dump, info: Vmcoreinfo): FoundSpace<SpaceImage> {
  try {
    return findSpace(dump, info);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER") throw error;
    // That one speaks of filtering.
    const [, reason = error.message] = /cannot be classified: (.*?)\. Levels 0/.exec(error.message) ?? [];
    throw noLog(dump, reason, error);
  }
}
