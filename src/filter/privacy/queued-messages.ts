import type { AddressSpace } from "../../kernel/address-space.js";
import {
  containerOf,
  type KernelObjects,
  memberAddress,
  readMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { treeNodes, xarrayEntries } from "../../kernel/objects/lookup-trees.js";
import { SearchSteps } from "./search-steps.js";

/**
 * Namespaces, nodes of trees, queues, messages and their pieces together: each of a damaged dump's namespaces may lead to
 * the same queues, and each of these to the same messages.
 */
const MAX_STEPS = 1 << 21;
const MAX_NODES = 1 << 16;
/**
 * The most bytes of a message, which has a piece for each page; MSGMAX is an int, but no message is above this in
 * practice.
 */
const MAX_BYTES = 1 << 24;
/** IPC_MSG_IDS: the index of message queues in struct ipc_namespace. */
const MSG_IDS = 1;

/** Where to look for queues: found by the walk through the slabs. */
export interface QueueRoots {
  /** Addresses of struct ipc_namespace of all tasks. */
  readonly namespaces: ReadonlySet<bigint>;
  /** Roots (rb_node) of the trees of messages in POSIX queues. */
  readonly trees: ReadonlySet<bigint>;
}

/**
 * Calls back for the text of all messages that wait in queues, System V's (ipc/msg.c) and POSIX's (ipc/mqueue.c), in
 * pieces of physical memory; `first` is true once per message. Finds nothing if the types lack struct msg_msg. Skips a
 * queue that leads nowhere. Returns false if there is more than `steps` allow.
 */
export function queuedMessages(
  space: AddressSpace,
  kernel: KernelObjects,
  { namespaces, trees }: QueueRoots,
  found: (paddr: number, length: number, first: boolean) => void,
  steps = new SearchSteps(MAX_STEPS),
): boolean {
  const { types, memory } = kernel;
  const head = types.sizeOf("msg_msg");
  const segment = types.sizeOf("msg_msgseg");
  if (head === undefined || segment === undefined) return true;

  const piece = (address: bigint, length: number, first: boolean) => {
    for (let done = 0; done < length; ) {
      const place = space.translate(address + BigInt(done));
      if (place === undefined) return;
      const n = Math.min(place.length, length - done);
      found(place.paddr, n, first && done === 0);
      done += n;
    }
  };
  /**
   * A message is a header with its text behind it, to the end of a page; the segments of longer messages have the same
   * form.
   */
  const message = (address: bigint) => {
    let rest = Number(readMember(kernel, "msg_msg", address, "m_ts") ?? 0n);
    if (rest > MAX_BYTES) {
      kernel.incomplete?.();
      return;
    }
    let at = address;
    for (let header = head; rest > 0 && memory.isKernelAddress(at) && steps.take(); header = segment) {
      const n = Math.min(rest, memory.pageSize - header);
      piece(at + BigInt(header), n, at === address);
      rest -= n;
      at = readMember(kernel, header === head ? "msg_msg" : "msg_msgseg", at, "next") ?? 0n;
    }
  };
  const list = (address: bigint | undefined) => {
    if (address === undefined) return;
    for (const one of walkList(kernel, address, "msg_msg", "m_list", MAX_STEPS)) {
      if (!steps.take()) return;
      message(one);
    }
  };
  for (const namespace of namespaces) {
    const root = readMember(kernel, "ipc_namespace", namespace, `ids[${MSG_IDS}].ipcs_idr.idr_rt.xa_head`);
    if (!steps.take()) return false;
    for (const queue of xarrayEntries(kernel, root ?? 0n, steps)) {
      // struct msg_queue begins with the struct kern_ipc_perm that is in the tree.
      list(memberAddress(kernel, "msg_queue", queue, "q_messages"));
    }
  }
  for (const root of trees) {
    for (const node of treeNodes(kernel, root, MAX_NODES)) {
      if (!steps.take()) return false;
      const one = containerOf(types, node, "posix_msg_tree_node", "rb_node");
      if (one !== undefined) list(memberAddress(kernel, "posix_msg_tree_node", one, "msg_list"));
    }
  }
  return !steps.cut;
}
