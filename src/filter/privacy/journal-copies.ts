import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { wordAt } from "../../reader/fields.js";
import { type BufferPiece, physicalData } from "./socket-buffers.js";

/** The largest block of a file system that is smaller than a page, of 64 KiB. */
const MAX_BLOCK = 1 << 15;

/**
 * What the journal of ext4 (jbd2) copied of a block, by the struct journal_head whose bytes are `head` and whose physical
 * address is `at`: blocks smaller than a page are in caches of slabs. Its buffer leads back to it; what does not, is no
 * journal_head: the cache may have objects of others.
 */
export function journalCopies(
  space: AddressSpace,
  kernel: KernelObjects,
  head: DataView | undefined,
  at: number,
): readonly BufferPiece[] {
  const { memory, types } = kernel;
  const pointer = (name: string) => {
    const member = types.member("journal_head", name);
    if (head === undefined || member === undefined || member.offset + memory.wordSize > head.byteLength) return 0n;
    const value = wordAt(head, member.offset, memory.wordSize, memory.littleEndian);
    return memory.isKernelAddress(value) ? value : 0n;
  };
  const buffer = pointer("b_bh");
  const back = buffer === 0n ? undefined : readMember(kernel, "buffer_head", buffer, "b_private");
  if (!back || space.translate(back)?.paddr !== at) return [];
  const length = Number(readMember(kernel, "buffer_head", buffer, "b_size") ?? 0n);
  if (length <= 0 || length > MAX_BLOCK || length >= memory.pageSize) return [];
  return ["b_frozen_data", "b_committed_data"].flatMap((name) => {
    const data = pointer(name);
    const place = data === 0n ? undefined : physicalData(space, data, length);
    return place === undefined ? [] : [place];
  });
}
