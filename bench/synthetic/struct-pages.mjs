export const STRUCT_PAGE = 64;
const PAGES = 32768;
/** Zone and node in the upper half of the flags. */
const UPPER_FLAGS = 0x0017_ffff;
const ANON_VMA = 0xffff_8881_0234_5601n;
const ADDRESS_SPACE = 0xffff_8881_0765_4320n;
const BIT = { referenced: 2, uptodate: 8, lru: 4, slab: 9, private: 13, head: 16, swapbacked: 19 };
const flags = (...names) => names.reduce((sum, name) => sum | (1 << BIT[name]), 0) >>> 0;
const BUDDY = -129;
const THP_ORDER = 9;

/** Kinds of pages: the first two are kept at level 31. */
export const KINDS = ["kernel", "slab", "free", "anon", "thp", "cache", "cache-private"];
const KEPT = new Set(["kernel", "slab"]);
/** Shares of the kinds, among those that are kept and among the others. */
export const MIX = { kernel: 1, slab: 1, free: 35, anon: 25, thp: 15, cache: 22, "cache-private": 3 };

function put(view, pfn, { low, mapping = 0n, mapcount = -1, priv = 0n, refcount = 1 }) {
  const at = pfn * STRUCT_PAGE;
  view.setUint32(at, low, true);
  view.setUint32(at + 4, UPPER_FLAGS, true);
  view.setBigUint64(at + 8, 0xdead_0000_0000_0100n, true);
  view.setBigUint64(at + 16, 0xdead_0000_0000_0122n, true);
  view.setBigUint64(at + 24, mapping, true);
  view.setBigUint64(at + 40, priv, true);
  view.setInt32(at + 48, mapcount, true);
  view.setInt32(at + 52, refcount, true);
}

const FIELDS = {
  kernel: { low: 0 },
  slab: { low: flags("slab"), mapcount: 0x200015 },
  anon: { low: flags("referenced", "uptodate", "lru", "swapbacked"), mapping: ANON_VMA, mapcount: 0 },
  cache: { low: flags("referenced", "uptodate", "lru"), mapping: ADDRESS_SPACE, refcount: 2 },
  "cache-private": { low: flags("uptodate", "lru", "private"), mapping: ADDRESS_SPACE, priv: 0xffff_8881_0000_1000n },
};

/** Struct pages of section 0: of pages that the kernel uses itself, and of free ones. */
export function kernelStructPages(used) {
  const bytes = Buffer.alloc(used.length * STRUCT_PAGE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let pfn = 0; pfn < used.length; pfn++) {
    put(view, pfn, used[pfn] ? FIELDS.kernel : { low: 0, mapcount: BUDDY, priv: 0n, refcount: 0 });
  }
  return bytes;
}

/**
 * The struct pages of one section, in runs as a busy machine has them, each of the kind that is furthest behind its
 * share. Returns also the kind of every page.
 */
export function structPages(next, kept, mix) {
  const bytes = Buffer.alloc(PAGES * STRUCT_PAGE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kinds = new Uint8Array(PAGES);
  const sum = (wanted) => KINDS.reduce((all, kind) => all + (KEPT.has(kind) === wanted ? mix[kind] : 0), 0);
  const target = KINDS.map((kind) => ((KEPT.has(kind) ? kept : 1 - kept) * mix[kind]) / (sum(KEPT.has(kind)) || 1));
  const count = KINDS.map(() => 0);
  let pfn = 0;
  while (pfn < PAGES) {
    // The first kind is for what no other one may have.
    let kind = target.findIndex((share, i) => share > 0 && KINDS[i] !== "thp");
    if (kind < 0) kind = 0;
    for (let i = 0; i < KINDS.length; i++) {
      // A huge page needs its alignment; the share is the most that chance allows.
      if (target[i] === 0 || (KINDS[i] === "thp" && pfn % 2 ** THP_ORDER !== 0)) continue;
      if (count[i] * target[kind] < count[kind] * target[i]) kind = i;
    }
    const pages = writeRun(next, view, pfn, KINDS[kind]);
    kinds.fill(kind, pfn, pfn + pages);
    count[kind] += pages;
    pfn += pages;
  }
  return { structs: bytes, kinds };
}

/** Writes a run of one kind; returns its length. */
function writeRun(next, view, pfn, kind) {
  if (kind === "thp") {
    put(view, pfn, { ...FIELDS.anon, low: FIELDS.anon.low | flags("head"), mapcount: -1 });
    for (let i = 1; i < 2 ** THP_ORDER; i++) {
      put(view, pfn + i, { low: 0, mapping: 0xdead_0000_0000_0400n, refcount: 0 });
      view.setBigUint64((pfn + i) * STRUCT_PAGE + 8, headAddress(pfn), true);
    }
    view.setUint8((pfn + 1) * STRUCT_PAGE + 16, 1);
    view.setUint8((pfn + 1) * STRUCT_PAGE + 17, THP_ORDER);
    return 2 ** THP_ORDER;
  }
  if (kind === "free") {
    const order = Math.min(next() % 11, pfn === 0 ? 10 : 31 - Math.clz32(pfn & -pfn));
    put(view, pfn, { low: 0, mapcount: BUDDY, priv: BigInt(order), refcount: 0 });
    for (let i = 1; i < 2 ** order; i++) put(view, pfn + i, { low: 0, refcount: 0 });
    return 2 ** order;
  }
  const pages = Math.min(1 + (next() % 32), PAGES - pfn);
  for (let i = 0; i < pages; i++) put(view, pfn + i, FIELDS[kind]);
  return pages;
}

/** Address of a head's struct page, or'd with 1. All sections share these bytes, so it is right for one of them only. */
function headAddress(pfn) {
  return 0xffff_ea00_0000_0001n + BigInt(pfn * STRUCT_PAGE);
}
