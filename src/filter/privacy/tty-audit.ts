import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** N_TTY_BUF_SIZE, in every kernel with such buffers. */
const BUFFER = 4096;
const MAX_PROCESSES = 1 << 22;

/** The kernel has numbers of errors in the place of pointers, from -4095 on. */
const isError = (pointer: bigint, wordSize: number) => BigInt.asIntN(wordSize * 8, pointer) >= -4095n;

/**
 * Input at terminals of audited processes (pam_tty_audit; it may contain passwords) that was not yet sent to the audit
 * daemon: a buffer of each process (drivers/tty/tty_audit.c, 2.6.25 and later). Empty if the types lack it.
 */
export function ttyAudit(space: AddressSpace, kernel: KernelObjects, tasks: Iterable<bigint>): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { memory, types } = kernel;
  const data = types.member("tty_audit_buf", "data");
  if (types.member("signal_struct", "tty_audit_buf") === undefined || data === undefined) return found;
  const seen = new Set<bigint>();
  for (const task of tasks) {
    const signal = readMember(kernel, "task_struct", task, "signal");
    if (!signal || seen.has(signal) || seen.size >= MAX_PROCESSES) continue;
    seen.add(signal);
    // If there was no memory, an error number is in its place.
    const buffer = readMember(kernel, "signal_struct", signal, "tty_audit_buf");
    if (!buffer || !memory.isKernelAddress(buffer) || isError(buffer, memory.wordSize)) continue;
    const text = readMember(kernel, "tty_audit_buf", buffer, "data");
    if (!text || !memory.isKernelAddress(text)) continue;
    if (addVirtual(space, text, BUFFER, found.list) > 0) found.objects++;
  }
  return found;
}
