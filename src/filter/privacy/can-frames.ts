import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_SOCKETS = 1 << 16;
/** The largest `max_pdu_size` of can-isotp. */
const MAX_FRAMES = 1 << 20;
/** Tasks of all sockets of the broadcast manager together. */
const MAX_TASKS = 1 << 18;
/** MAX_NFRAMES of the broadcast manager, and the size of struct canfd_frame. */
const MOST_FRAMES = 256;
const FRAME_SIZE = 72;

/** Messages of many frames on CAN (ISO 15765-2), which are put together in their sockets. */
export function longFrames(space: AddressSpace, base: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "can_isotp", type: "isotp_sock", variable: "isotp_notifier_list" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  for (const socket of walkList(kernel, at, "isotp_sock", "notifier", MAX_SOCKETS)) {
    for (const side of ["rx", "tx"]) {
      // Since 6.4 `buf` is a pointer, mostly to the second.
      for (const name of [`${side}.buf`, `${side}.sbuf`]) {
        const member = types.member("isotp_sock", name);
        if (member === undefined) continue;
        const own = socket + BigInt(member.offset);
        const isPointer = member.size <= memory.wordSize;
        const data = isPointer ? memory.readWord(own) : own;
        const length = isPointer
          ? Number(readMember(kernel, "isotp_sock", socket, `${side}.buflen`) ?? 0n)
          : member.size;
        if (!data || !memory.isKernelAddress(data) || length <= 0 || length > MAX_FRAMES) continue;
        if (addVirtual(space, data, length, found.list) > 0) found.objects++;
      }
    }
  }
  return found;
}

/**
 * Frames that the broadcast manager of CAN sends again and again, and those that it compares what comes with: a task has
 * one frame in itself, or more elsewhere. `undefined` if there may be some, but types or symbols do not lead to them.
 */
export function repeatedFrames(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_TASKS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "can_bcm", type: "bcm_op", variable: "bcm_notifier_list" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  const erase = (address: bigint | undefined, length: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0) return;
    if (addVirtual(space, address, length, found.list) > 0) found.objects++;
  };
  const number = (task: bigint, name: string, most: number) =>
    Math.min(Number(readMember(kernel, "bcm_op", task, name) ?? 0n), most);
  for (const socket of walkList(kernel, at, "bcm_sock", "notifier", MAX_SOCKETS)) {
    for (const side of ["rx_ops", "tx_ops"]) {
      const tasks = memberAddress(kernel, "bcm_sock", socket, side);
      if (tasks === undefined) return undefined;
      for (const task of walkList(kernel, tasks, "bcm_op", "list", MAX_TASKS)) {
        if (!steps.take()) return undefined;
        const length = number(task, "nframes", MOST_FRAMES) * number(task, "cfsiz", FRAME_SIZE);
        for (const name of ["frames", "last_frames"]) erase(readMember(kernel, "bcm_op", task, name), length);
        for (const name of ["sframe", "last_sframe"])
          erase(memberAddress(kernel, "bcm_op", task, name), types.member("bcm_op", name)?.size ?? 0);
      }
    }
  }
  return found;
}
