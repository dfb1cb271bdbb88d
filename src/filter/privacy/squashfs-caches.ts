import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, memberAddress, readMember } from "../../kernel/objects/kernel-objects.js";
import { withModule } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { lacksMembers } from "./needed-members.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

const MAX_MOUNTS = 1 << 16;
/** File systems, entries of their caches, and pages of these. */
const MAX_STEPS = 1 << 20;
/** Directories and inodes; ends of files, and small files; blocks of files that do not fit into the page cache. */
const CACHES = ["block_cache", "fragment_cache", "read_page"];
const NEEDED = {
  squashfs_sb_info: CACHES,
  squashfs_cache: ["entry", "entries", "pages"],
  squashfs_cache_entry: ["data"],
  super_block: ["s_type", "s_fs_info"],
};

/**
 * Contents and names of files that squashfs has in caches of its own (live systems, snaps): pages of `kmalloc`.
 * `undefined` if there may be some, but types or symbols do not lead to them, or not to all.
 */
export function squashfsCaches(
  space: AddressSpace,
  base: KernelObjects,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const driver = withModule(base, { module: "squashfs", type: "squashfs_sb_info", variable: "squashfs_fs_type" });
  if (driver === undefined || driver === "none") return driver && found;
  const { kernel, at } = driver;
  const { memory, types } = kernel;
  const mounted = memberAddress(kernel, "file_system_type", at, "fs_supers.first");
  const link = types.member("super_block", "s_instances")?.offset;
  const size = types.sizeOf("squashfs_cache_entry");
  if (mounted === undefined || link === undefined || !size) return undefined;
  if (lacksMembers(types, NEEDED)) return undefined;
  const number = (cache: bigint, name: string) => Number(readMember(kernel, "squashfs_cache", cache, name) ?? 0n);
  const cacheOf = (cache: bigint) => {
    const entries = readMember(kernel, "squashfs_cache", cache, "entry");
    const [count, pages] = [number(cache, "entries"), number(cache, "pages")];
    for (let i = 0; entries && memory.isKernelAddress(entries) && i < count; i++) {
      const table = readMember(kernel, "squashfs_cache_entry", entries + BigInt(i * size), "data");
      if (!steps.take()) return;
      for (let n = 0; table && memory.isKernelAddress(table) && n < pages && steps.take(); n++) {
        const page = memory.readWord(table + BigInt(n * memory.wordSize));
        if (page && memory.isKernelAddress(page) && addVirtual(space, page, memory.pageSize, found.list) > 0)
          found.objects++;
      }
    }
  };
  let node = memory.readWord(mounted);
  for (let i = 0; node !== 0n && steps.take(); i++) {
    if (node === undefined || i === MAX_MOUNTS) return undefined;
    const block = node - BigInt(link);
    const own = readMember(kernel, "super_block", block, "s_fs_info");
    if (own === undefined || readMember(kernel, "super_block", block, "s_type") !== at) return undefined;
    // Without one it is being mounted, or could not be; others may follow.
    for (const name of own === 0n ? [] : CACHES) {
      const cache = readMember(kernel, "squashfs_sb_info", own, name);
      if (cache && memory.isKernelAddress(cache)) cacheOf(cache);
    }
    node = memory.readWord(node);
  }
  return steps.cut ? undefined : found;
}
