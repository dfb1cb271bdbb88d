import type { Dump } from "../../reader/dump.js";
import { kernelSpace, unreadable } from "../kernel-space.js";
import { readByteRing } from "./byte-ring.js";
import type { KernelLog } from "./log-record.js";
import { readRecordBuffer } from "./record-buffer.js";
import { readRingBuffer } from "./ring-buffer.js";

const LOG = "its kernel log";

/**
 * The kernel's log from a dump, oldest record first, of any kernel since 2.6.32. Needs VMCOREINFO and the kernel's page
 * tables but no struct pages, so it also works for dumps that cannot be filtered. `sinceClear`: only records after the
 * last `dmesg --clear`. Throws `CANNOT_FILTER` with what is missing.
 */
export function logOfKernel(dump: Dump, sinceClear = false): KernelLog {
  const { memory } = kernelSpace(dump, LOG);
  const log =
    readRingBuffer(memory, sinceClear) ?? readRecordBuffer(memory, sinceClear) ?? readByteRing(memory, sinceClear);
  if (log === undefined) throw unreadable(dump, LOG, "its log buffer was not found (prb, log_buf)");
  return log;
}
