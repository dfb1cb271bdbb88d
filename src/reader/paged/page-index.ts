import { DumpError } from "../../errors.js";

/**
 * Where the content of each page is, in a format that stores pages one by one, in any order, and some several times.
 * Flat arrays in shared memory: 8 bytes for each listed page (in groups of 512), and 4 bytes for each 512 others.
 */
export interface PageIndex {
  /** Number of pages: the index is for pages [0, pages). */
  readonly pages: number;
  /** For each group of pages its number among the groups with entries, plus one; 0 if none of its pages is listed. */
  readonly groups: Uint32Array;
  /** Entries of the groups, 256 groups in each array. See `entryOf`. */
  readonly entries: readonly Float64Array[];
  /**
   * Changes of pages, three numbers each: its place in the file, the entry of the page before the change, and the
   * number of changes of that page so far.
   */
  readonly changes: Float64Array;
}

/**
 * Pages of a group. It is small enough that a few pages of a large machine cost little, and large enough that a full
 * memory needs few groups.
 */
export const GROUP = 512;
const GROUPS_IN_ARRAY = 256;

/** Kinds of entries. `place` is a file offset, except for `fill` (the byte) and `change` (the number of the change). */
export const ENTRY = {
  /** The bytes of the page are at `place`. */
  plain: 0,
  /**
   * A packed page: at `place` a head with its length (4 bytes, big endian, or LKCD's), then a zlib stream, or LKCD's
   * run lengths.
   */
  zlib: 1,
  /** Every byte of the page is `place`. */
  fill: 2,
  /** A change of the page as it was before. */
  change: 3,
} as const;

/** The entry of pages that are not listed: no page is at the beginning of a file. */
export const NOT_LISTED = 0;

/** A kind and a place as one number: places are below 2^51. */
export function entryOf(kind: number, place: number): number {
  return place * 4 + kind;
}

/** The entry of a page of zeros. */
export const ZERO_ENTRY = entryOf(ENTRY.fill, 0);

/** In the place of a group's number: all its pages are listed as zeros. */
const ALL_ZERO = 0xffff_ffff;

/**
 * Bytes of entries that any file may ask for: a page in each of 16,384 groups. Beyond that, for each byte that it
 * stores: the shortest record of a page has nine, and its entry eight, unless only some pages of each group come.
 */
const ENTRIES_FREELY = 2 ** 26;
const ENTRIES_PER_BYTE = 32;

/** The entry of a page of the index. */
export function entryAt({ groups, entries }: PageIndex, page: number): number {
  const group = groups[Math.floor(page / GROUP)] as number;
  if (group === 0) return NOT_LISTED;
  if (group === ALL_ZERO) return ZERO_ENTRY;
  const array = entries[(group - 1) >>> 8] as Float64Array;
  return array[((group - 1) & 255) * GROUP + (page % GROUP)] as number;
}

/** File offset of a page's bytes; `undefined` for a page that is not stored plainly. */
export function plainPlace(index: PageIndex, page: number): number | undefined {
  const entry = entryAt(index, page);
  return entry !== NOT_LISTED && entry % 4 === ENTRY.plain ? entry / 4 : undefined;
}

/** The first listed page in [from, to), or `to`. */
export function nextListed(index: PageIndex, from: number, to: number): number {
  for (let page = from; page < to; ) {
    if (index.groups[Math.floor(page / GROUP)] === 0) page += GROUP - (page % GROUP);
    else if (entryAt(index, page) === NOT_LISTED) page++;
    else return page;
  }
  return to;
}

/** The first page in [from, to) that is listed, and not as zeros, or `to`. */
export function nextStored(index: PageIndex, from: number, to: number): number {
  let page = nextListed(index, from, to);
  while (page < to && entryAt(index, page) === ZERO_ENTRY) page = nextListed(index, behind(index, page), to);
  return Math.min(page, to);
}

/** The first page in [from, to) that is not listed, or `to`. */
export function nextUnlisted(index: PageIndex, from: number, to: number): number {
  let page = from;
  while (page < to && entryAt(index, page) !== NOT_LISTED) page = behind(index, page);
  return Math.min(page, to);
}

/** The page behind one, or behind its group if that is all zeros. */
function behind({ groups }: PageIndex, page: number): number {
  return groups[Math.floor(page / GROUP)] === ALL_ZERO ? page + GROUP - (page % GROUP) : page + 1;
}

/** Makes an index. Later entries of a page replace earlier ones. */
export class PageIndexBuilder {
  readonly #index: PageIndex;
  readonly #entries: Float64Array[] = [];
  #groups = 0;
  #changes = new Float64Array(0);
  #changeCount = 0;

  readonly #most: number;

  /** `held`: bytes that the file really has. */
  constructor(
    pages: number,
    private readonly of = { held: Number.POSITIVE_INFINITY, file: "" },
  ) {
    this.#most = Math.max(ENTRIES_FREELY, ENTRIES_PER_BYTE * of.held) / (8 * GROUP);
    const groups = new Uint32Array(new SharedArrayBuffer(4 * Math.ceil(pages / GROUP)));
    this.#index = { pages, groups, entries: this.#entries, changes: new Float64Array(0) };
  }

  get(page: number): number {
    return entryAt(this.#index, page);
  }

  /** Lists a group's pages as zeros, which takes no memory; `page` is its first. Replaces what was there. */
  setZeros(page: number): void {
    this.#index.groups[page / GROUP] = ALL_ZERO;
  }

  /** Throws `LIMIT`. */
  set(page: number, entry: number): void {
    const at = Math.floor(page / GROUP);
    let group = this.#index.groups[at] as number;
    if (group === 0 || group === ALL_ZERO) group = this.#newGroup(at, group === 0 ? NOT_LISTED : ZERO_ENTRY);
    const array = this.#entries[(group - 1) >>> 8] as Float64Array;
    array[((group - 1) & 255) * GROUP + (page % GROUP)] = entry;
  }

  #newGroup(at: number, entry: number): number {
    if (this.#groups >= this.#most) throw tooScattered(this.of);
    if (this.#groups % GROUPS_IN_ARRAY === 0) {
      this.#entries.push(new Float64Array(new SharedArrayBuffer(8 * GROUP * GROUPS_IN_ARRAY)));
    }
    const group = ++this.#groups;
    this.#index.groups[at] = group;
    const first = ((group - 1) & 255) * GROUP;
    if (entry !== NOT_LISTED) (this.#entries[(group - 1) >>> 8] as Float64Array).fill(entry, first, first + GROUP);
    return group;
  }

  /** Number of changes of all pages so far. */
  get changes(): number {
    return this.#changeCount;
  }

  /** How many changes lead to an entry's page. */
  changesOf(entry: number): number {
    if (entry % 4 !== ENTRY.change) return 0;
    return this.#changes[Math.floor(entry / 4) * 3 + 2] as number;
  }

  /** Records that the page changes by the bytes at `place`. */
  change(page: number, place: number): void {
    const before = this.get(page);
    const at = this.#changeCount * 3;
    if (at === this.#changes.length) {
      const larger = new Float64Array(Math.max(3 * 1024, 2 * at));
      larger.set(this.#changes);
      this.#changes = larger;
    }
    this.#changes.set([place, before, this.changesOf(before) + 1], at);
    this.set(page, entryOf(ENTRY.change, this.#changeCount++));
  }

  finish(): PageIndex {
    const changes = new Float64Array(new SharedArrayBuffer(24 * this.#changeCount));
    changes.set(this.#changes.subarray(0, 3 * this.#changeCount));
    return { ...this.#index, changes };
  }
}

function tooScattered({ held, file }: { readonly held: number; readonly file: string }): DumpError {
  const what = `has pages at more places of its memory than files of its size have: it stores ${held} bytes`;
  return new DumpError("LIMIT", what, { file, cure: "Addresses in it are damaged: make it again, or copy it again" });
}
