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

/** The most nodes and entries that are read: damaged trees may have circles. */
const MAX_ENTRIES = 1 << 16;

/**
 * The pointers in an XArray (4.20 and later), given its `xa_head`. `steps`: what a search of several may take in all, one
 * for each node and entry; it ends if there are no more.
 */
export function* xarrayEntries(
  { types, memory }: KernelObjects,
  root: bigint,
  steps?: { take(): boolean },
): Generator<bigint> {
  const slots = types.member("xa_node", "slots");
  const waiting = [root];
  const seen = new Set<bigint>();
  for (let entry = waiting.pop(); entry !== undefined && seen.size < MAX_ENTRIES; entry = waiting.pop()) {
    // Also for those that come again: nodes may all have the same ones.
    if (steps?.take() === false) return;
    if (seen.has(entry)) continue;
    seen.add(entry);
    // Bit 0: a value; bit 1: a node, or a mark below the first page (linux/xarray.h).
    if ((entry & 3n) === 0n) {
      if (memory.isKernelAddress(entry)) yield entry;
    } else if ((entry & 3n) === 2n && memory.isKernelAddress(entry) && slots?.count !== undefined) {
      const node = memory.readView(entry - 2n + BigInt(slots.offset), slots.size);
      for (let i = 0; node !== undefined && i < slots.count; i++) {
        const value =
          memory.wordSize === 8
            ? node.getBigUint64(i * 8, memory.littleEndian)
            : BigInt(node.getUint32(i * 4, memory.littleEndian));
        if (value !== 0n) waiting.push(value);
      }
    }
  }
}
