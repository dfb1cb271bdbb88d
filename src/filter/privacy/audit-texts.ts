import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { ttyAudit } from "./tty-audit.js";

/** Allocations of one size, whatever is in them: MAX_PROCTITLE_AUDIT_LEN, struct sockaddr_storage. */
const PIECES = [
  ["proctitle.value", 128],
  ["sockaddr", 128],
] as const;

/**
 * What was typed at terminals of audited processes; and what audit keeps with a task after a call that it reported: its
 * command line, with what was given there as a password (3.14 and later), and the address that a call named last
 * (kernel/auditsc.c).
 */
export function auditTexts(space: AddressSpace, kernel: KernelObjects, tasks: Iterable<bigint>): ScrubList {
  const found = ttyAudit(space, kernel, tasks);
  const { memory, types } = kernel;
  if (types.member("task_struct", "audit_context") === undefined) return found;
  const pieces = PIECES.filter(([name]) => types.member("audit_context", name) !== undefined);
  for (const task of tasks) {
    const context = readMember(kernel, "task_struct", task, "audit_context");
    if (!context || !memory.isKernelAddress(context)) continue;
    if (pieces.length === 0) kernel.incomplete?.();
    for (const [name, length] of pieces) {
      const text = readMember(kernel, "audit_context", context, name);
      if (!text || !memory.isKernelAddress(text)) continue;
      if (addVirtual(space, text, length, found.list) > 0) found.objects++;
    }
  }
  return found;
}
