import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { wordAt } from "../../reader/fields.js";

/** Short names are in their directory entry. */
export interface EntryNames {
  /** Where an entry's room for them ends, in bytes from its begin. */
  readonly end: number;
  /**
   * From where on the room is not written, of the entry whose content is `bytes` from `at` on and whose physical
   * address is `paddr`; `end` if all is.
   */
  unwritten(bytes: DataView, at: number, paddr: number): number;
}

/**
 * The bytes behind the name in the room for short names of a `struct dentry` (`d_iname`; `d_shortname` since 6.14), and
 * all of that room if the name is elsewhere: the kernel writes only the name. `undefined` if the types lack one of the
 * two.
 */
export function entryNames(space: AddressSpace, { memory, types }: KernelObjects): EntryNames | undefined {
  const name = types.member("dentry", "d_name.name") ?? types.member("dentry", "__d_name.name");
  const own = types.member("dentry", "d_iname") ?? types.member("dentry", "d_shortname");
  const { wordSize, littleEndian, pageSize } = memory;
  if (name === undefined || own === undefined || own.size === 0) return undefined;
  const end = own.offset + own.size;
  const low = littleEndian ? 0 : wordSize - 4;
  return {
    end,
    unwritten(bytes, at, paddr) {
      if (at + end > bytes.byteLength) return end;
      const pointer = wordAt(bytes, at + name.offset, wordSize, littleEndian);
      if (!memory.isKernelAddress(pointer)) return end;
      // Only a name at the same place in its page can be the entry's own: others need no walk of page tables.
      const isNear =
        bytes.getUint32(at + name.offset + low, littleEndian) % pageSize === (paddr + own.offset) % pageSize;
      if (!isNear || space.translate(pointer)?.paddr !== paddr + own.offset) return own.offset;
      let from = own.offset;
      while (from < end && bytes.getUint8(at + from) !== 0) from++;
      return from;
    },
  };
}
