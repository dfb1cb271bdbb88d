import { type KernelObjects, readMember, type WalkedObjects } from "./kernel-objects.js";

/**
 * The nodes of a red-black tree, given its root's `rb_node`; at most `limit`, in no particular order. Nodes that cannot
 * be read, or were seen before, end their branch.
 */
export function* treeNodes(kernel: WalkedObjects, root: bigint, limit: number): Generator<bigint> {
  const waiting = [root];
  const seen = new Set<bigint>();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node === 0n) continue;
    if (seen.size >= limit || !kernel.memory.isKernelAddress(node) || seen.has(node)) {
      kernel.incomplete?.();
      if (seen.size >= limit) return;
      continue;
    }
    seen.add(node);
    yield node;
    for (const side of ["rb_left", "rb_right"]) waiting.push(readMember(kernel, "rb_node", node, side) ?? 0n);
  }
}

/** The most nodes and entries that are read: damaged trees may have circles. */
const MAX_ENTRIES = 1 << 16;
/** XA_CHUNK_SIZE is 64 or 16. */
const MAX_SLOTS = 64;

/**
 * The pointers in an XArray (4.20 and later), given its `xa_head`. `steps`: what a search of several may take in all, one
 * for each node and entry; it ends if there are no more.
 */
export function* xarrayEntries(
  { types, memory, incomplete }: KernelObjects,
  root: bigint,
  steps?: { take(): boolean },
): Generator<bigint> {
  const member = types.member("xa_node", "slots");
  const { count = 0, size = 0 } = member ?? {};
  const slots = count <= MAX_SLOTS && size === count * memory.wordSize ? member : undefined;
  const waiting = [root];
  const seen = new Set<bigint>();
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    if (seen.size >= MAX_ENTRIES) {
      incomplete?.();
      return;
    }
    // Also for those that come again: nodes may all have the same ones.
    if (steps?.take() === false) return;
    if (seen.has(entry)) continue;
    seen.add(entry);
    // Bit 0: a value; bit 1: a node, or a mark below the first page (linux/xarray.h).
    if ((entry & 3n) === 0n) {
      if (memory.isKernelAddress(entry)) yield entry;
    } else if ((entry & 3n) === 2n && memory.isKernelAddress(entry)) {
      const node =
        slots?.count === undefined ? undefined : memory.readView(entry - 2n + BigInt(slots.offset), slots.size);
      if (node === undefined || slots?.count === undefined) {
        incomplete?.();
        continue;
      }
      for (let i = 0; i < slots.count; i++) {
        const value =
          memory.wordSize === 8
            ? node.getBigUint64(i * 8, memory.littleEndian)
            : BigInt(node.getUint32(i * 4, memory.littleEndian));
        if (value !== 0n) waiting.push(value);
      }
    }
  }
}
