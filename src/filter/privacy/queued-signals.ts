import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** RLIMIT_SIGPENDING is some thousands per user. */
const MAX_SIGNALS = 1 << 20;
const MAX_PROCESSES = 1 << 22;

/**
 * The data of signals that wait for their threads and processes (sigqueue(3), up to 32 bytes of the sender's): the part
 * of `siginfo` behind its numbers.
 */
export function queuedSignals(space: AddressSpace, kernel: KernelObjects, tasks: Iterable<bigint>): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { types } = kernel;
  const info = types.member("sigqueue", "info");
  const fields = types.member("sigqueue", "info._sifields");
  if (info === undefined || fields === undefined) {
    kernel.incomplete?.();
    return found;
  }
  const length = info.offset + info.size - fields.offset;
  let left = MAX_SIGNALS;
  const list = (head: bigint | undefined) => {
    if (head === undefined) return;
    for (const signal of walkList(kernel, head, "sigqueue", "list", left)) {
      left--;
      if (addVirtual(space, signal + BigInt(fields.offset), length, found.list) > 0) found.objects++;
    }
  };
  const seen = new Set<bigint>();
  for (const task of tasks) {
    list(memberAddress(kernel, "task_struct", task, "pending.list"));
    const shared = readMember(kernel, "task_struct", task, "signal");
    if (!shared || seen.has(shared) || seen.size >= MAX_PROCESSES) continue;
    seen.add(shared);
    list(memberAddress(kernel, "signal_struct", shared, "shared_pending.list"));
  }
  return found;
}
