import type { AddressSpace } from "../../kernel/address-space.js";
import {
  containerOf,
  type KernelObjects,
  memberAddress,
  readMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { treeNodes } from "../../kernel/objects/rb-tree.js";
import { xarrayEntries } from "../../kernel/objects/xarray.js";

const MAX_MESSAGES = 1 << 20;
const MAX_NODES = 1 << 16;
/** A message has a piece for each page of it; MSGMAX is an int, and none is above this in practice. */
const MAX_BYTES = 1 << 24;
/** IPC_MSG_IDS: where struct ipc_namespace has its message queues. */
const MSG_IDS = 1;

/** Where queues are to be looked for: what the walk through the slabs found. */
export interface QueueRoots {
  /** Addresses of struct ipc_namespace, of the tasks that there are. */
  readonly namespaces: ReadonlySet<bigint>;
  /** Roots (rb_node) of the trees of messages of POSIX queues. */
  readonly trees: ReadonlySet<bigint>;
}

/**
 * Tells of the text of all messages that wait in queues, System V's (ipc/msg.c) and POSIX's (ipc/mqueue.c), in pieces of
 * physical memory; `first` is true once for each message. Nothing where the types lack struct msg_msg. A queue that leads
 * astray is left: every walk is bounded.
 */
export function queuedMessages(
  space: AddressSpace,
  kernel: KernelObjects,
  { namespaces, trees }: QueueRoots,
  found: (paddr: number, length: number, first: boolean) => void,
): void {
  const { types, memory } = kernel;
  const head = types.sizeOf("msg_msg");
  const segment = types.sizeOf("msg_msgseg");
  if (head === undefined || segment === undefined) return;
  let left = MAX_MESSAGES;

  const piece = (address: bigint, length: number, first: boolean) => {
    for (let done = 0; done < length; ) {
      const place = space.translate(address + BigInt(done));
      if (place === undefined) return;
      const n = Math.min(place.length, length - done);
      found(place.paddr, n, first && done === 0);
      done += n;
    }
  };
  /** A message is a header with its text behind it, to the end of a page, and so are the segments of what is longer. */
  const message = (address: bigint) => {
    let rest = Number(readMember(kernel, "msg_msg", address, "m_ts") ?? 0n);
    if (rest > MAX_BYTES) return;
    let at = address;
    for (let header = head; rest > 0 && memory.isKernelAddress(at); header = segment) {
      const n = Math.min(rest, memory.pageSize - header);
      piece(at + BigInt(header), n, at === address);
      rest -= n;
      at = readMember(kernel, header === head ? "msg_msg" : "msg_msgseg", at, "next") ?? 0n;
    }
  };
  const list = (address: bigint | undefined) => {
    if (address === undefined) return;
    for (const one of walkList(kernel, address, "msg_msg", "m_list", left)) {
      left--;
      message(one);
    }
  };
  for (const namespace of namespaces) {
    const root = readMember(kernel, "ipc_namespace", namespace, `ids[${MSG_IDS}].ipcs_idr.idr_rt.xa_head`);
    for (const queue of xarrayEntries(kernel, root ?? 0n)) {
      // struct msg_queue begins with the struct kern_ipc_perm that the tree has.
      list(memberAddress(types, "msg_queue", queue, "q_messages"));
    }
  }
  for (const root of trees) {
    for (const node of treeNodes(kernel, root, MAX_NODES)) {
      const one = containerOf(types, node, "posix_msg_tree_node", "rb_node");
      if (one !== undefined) list(memberAddress(types, "posix_msg_tree_node", one, "msg_list"));
    }
  }
}
