// An extension of a filter run: drops the pages of one slab cache, for a dump that goes to somebody who need not see them.
//
//   CACHE=dentry coresieve vmcore small.kdump -c --extension examples/drop-slab-cache.mjs
//
// The kernel must have BTF (CONFIG_DEBUG_INFO_BTF) and a `struct slab` (5.17 and later).

/** Address of the cache, and where a slab's struct page names its cache. */
let cache;
let slabCacheOffset;
let littleEndian;

/** Runs once in each worker thread, before its first page. */
export function prepare(kernel, settings) {
  const wanted = settings?.cache ?? process.env.CACHE ?? "dentry";
  const caches = kernel?.symbol("slab_caches");
  const member = kernel?.types?.member("slab", "slab_cache");
  if (caches === undefined || member === undefined) throw new Error("the kernel does not tell its slab caches");
  slabCacheOffset = member.offset;
  littleEndian = kernel.littleEndian;
  const names = [];
  for (const address of kernel.walkList(caches, "kmem_cache", "list")) {
    const name = kernel.readText(kernel.readMember("kmem_cache", address, "name"), 64);
    if (name === wanted) cache = address;
    names.push(name);
  }
  if (cache === undefined)
    throw new Error(`there is no slab cache ${wanted}, but ${names.slice(-5).join(", ")} and others`);
}

/** Runs for each page: "drop", "keep", or nothing to leave it to the dump level. */
export function decide(page) {
  // A slab's pages name their cache in the struct page of the first.
  if (page.class === "kept" && page.headStruct?.getBigUint64(slabCacheOffset, littleEndian) === cache) return "drop";
  return undefined;
}
