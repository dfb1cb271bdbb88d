/**
 * Where the content of each page of a format lies that stores pages one by one, in any order, each perhaps more than once. Flat arrays in
 * shared memory: 8 bytes for each page that is told of (in groups of 512), and 4 bytes for 512 others.
 */
export interface PageIndex {
  /** Pages that there are: [0, pages). */
  readonly pages: number;
  /** For each group of pages one more than its place among the entries; 0 if none of its pages is told of. */
  readonly groups: Uint32Array;
  /** Entries of the groups, 256 groups in each array. See `entryOf`. */
  readonly entries: readonly Float64Array[];
  /** Changes of pages, three numbers each: its place in the file, the entry of the page as it was before, how many changes that has. */
  readonly changes: Float64Array;
}

/** Pages of a group: a few pages in a large machine cost little, and few groups are needed for many. */
const GROUP = 512;
const GROUPS_IN_ARRAY = 256;

/** What an entry says of its page. `place` is a file offset but for `fill` (the byte) and `change` (the number of the change). */
export const ENTRY = {
  /** The bytes of the page lie at `place`. */
  plain: 0,
  /** A packed page: a head with its length at `place` (4 bytes, big endian, or LKCD's), and behind it a zlib stream, or LKCD's run lengths. */
  zlib: 1,
  /** Every byte of the page is `place`. */
  fill: 2,
  /** A change of what the page was before. */
  change: 3,
} as const;

/** The entry of pages that nothing was told of: no page lies at the beginning of a file. */
export const NEVER_TOLD = 0;

/** A kind and a place as one number: places are below 2^51. */
export function entryOf(kind: number, place: number): number {
  return place * 4 + kind;
}

/** The entry of a page of zeros. */
export const ZERO_ENTRY = entryOf(ENTRY.fill, 0);

/** The entry of a page of the index. */
export function entryAt({ groups, entries }: PageIndex, page: number): number {
  const group = groups[Math.floor(page / GROUP)] as number;
  if (group === 0) return NEVER_TOLD;
  const array = entries[(group - 1) >>> 8] as Float64Array;
  return array[((group - 1) & 255) * GROUP + (page % GROUP)] as number;
}

/** Where the bytes of a page lie in the file; `undefined` for a page that is not stored as it is. */
export function plainPlace(index: PageIndex, page: number): number | undefined {
  const entry = entryAt(index, page);
  return entry !== NEVER_TOLD && entry % 4 === ENTRY.plain ? entry / 4 : undefined;
}

/** The first page in [from, to) that something is told of, or `to`. */
export function nextTold(index: PageIndex, from: number, to: number): number {
  for (let page = from; page < to; ) {
    if (index.groups[Math.floor(page / GROUP)] === 0) page += GROUP - (page % GROUP);
    else if (entryAt(index, page) === NEVER_TOLD) page++;
    else return page;
  }
  return to;
}

/** The first page in [from, to) that nothing is told of, or `to`. */
export function nextUntold(index: PageIndex, from: number, to: number): number {
  let page = from;
  while (page < to && entryAt(index, page) !== NEVER_TOLD) page++;
  return page;
}

/** Makes an index. Later entries of a page replace earlier ones. */
export class PageIndexBuilder {
  readonly #index: PageIndex;
  readonly #entries: Float64Array[] = [];
  #groups = 0;
  #changes = new Float64Array(0);
  #changeCount = 0;

  constructor(pages: number) {
    const groups = new Uint32Array(new SharedArrayBuffer(4 * Math.ceil(pages / GROUP)));
    this.#index = { pages, groups, entries: this.#entries, changes: new Float64Array(0) };
  }

  get(page: number): number {
    return entryAt(this.#index, page);
  }

  set(page: number, entry: number): void {
    const at = Math.floor(page / GROUP);
    let group = this.#index.groups[at] as number;
    if (group === 0) {
      if (this.#groups % GROUPS_IN_ARRAY === 0) {
        this.#entries.push(new Float64Array(new SharedArrayBuffer(8 * GROUP * GROUPS_IN_ARRAY)));
      }
      group = ++this.#groups;
      this.#index.groups[at] = group;
    }
    const array = this.#entries[(group - 1) >>> 8] as Float64Array;
    array[((group - 1) & 255) * GROUP + (page % GROUP)] = entry;
  }

  /** Changes of all pages so far. */
  get changes(): number {
    return this.#changeCount;
  }

  /** How many changes make an entry's page. */
  changesOf(entry: number): number {
    if (entry % 4 !== ENTRY.change) return 0;
    return this.#changes[Math.floor(entry / 4) * 3 + 2] as number;
  }

  /** The page is what it was, changed by the bytes at `place`. */
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
