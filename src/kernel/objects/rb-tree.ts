import { type KernelObjects, readMember } from "./kernel-objects.js";

/**
 * The nodes of a red-black tree, given its root's `rb_node`; at most `limit`, in no particular order. Nodes that cannot
 * be read, or were seen before, end their branch.
 */
export function* treeNodes(
  kernel: Pick<KernelObjects, "memory" | "types">,
  root: bigint,
  limit: number,
): Generator<bigint> {
  const waiting = [root];
  const seen = new Set<bigint>();
  for (let node = waiting.pop(); node !== undefined && seen.size < limit; node = waiting.pop()) {
    if (!kernel.memory.isKernelAddress(node) || seen.has(node)) continue;
    seen.add(node);
    yield node;
    for (const side of ["rb_left", "rb_right"]) waiting.push(readMember(kernel, "rb_node", node, side) ?? 0n);
  }
}
