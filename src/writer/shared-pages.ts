import { HASH_WORDS, RECORD_SIZE_MASK } from "../page-record.js";

/**
 * The most pages that are remembered: 48 MiB. More only cost memory, because most equal pages come shortly after each
 * other, or again and again.
 */
const MAX_REMEMBERED = 1 << 20;
/** Number of places where a page may be remembered. Their tags fill one cache line. */
const WAYS = 16;
const REST = HASH_WORDS - 1;

/** The effect of sharing. */
export interface SharedCounts {
  /**
   * Pages without bytes of their own, because an equal page has them. Pages of zeros that share one are not counted.
   */
  readonly pages: number;
  /** The bytes that these pages would have taken, compressed like the others. */
  readonly bytes: number;
}

/**
 * Where in the file the pages are that were written last or found last: a table by hashes, in sets of 16 places. A full
 * set forgets the page that was not found for the longest time. So its size is limited, and which pages share their
 * bytes depends only on their order. Takes about 0.4 µs a page, mostly for memory access.
 */
export class SharedPages {
  /** Of 32 bits, the number that do not select the set. */
  readonly #shift: number;
  /**
   * For each place: the first word of the hash (`#tags`) and the others (`#rest`), the page's offset, its record (never
   * 0), and when it was found last.
   */
  readonly #tags: Uint32Array;
  readonly #rest: Uint32Array;
  readonly #offsets: Float64Array;
  readonly #records: Uint32Array;
  readonly #met: Uint32Array;
  #time = 0;
  #pages = 0;
  #bytes = 0;

  /** For an output of `pages` pages; remembers at most `most`. */
  constructor(pages: number, most: number = MAX_REMEMBERED) {
    // With a quarter of the places unused, few sets are full before all are.
    let places = 2 * WAYS;
    while (places < most && places * 0.75 < pages) places *= 2;
    this.#shift = Math.clz32(places / WAYS - 1);
    this.#tags = new Uint32Array(places);
    this.#rest = new Uint32Array(places * REST);
    this.#offsets = new Float64Array(places);
    this.#records = new Uint32Array(places);
    this.#met = new Uint32Array(places);
  }

  get counts(): SharedCounts {
    return { pages: this.#pages, bytes: this.#bytes };
  }

  /**
   * Looks page i of `hashes` up. Returns the offset of an equal page; or `undefined`, and remembers the page at
   * `offset`. `record` is the page's record.
   */
  find(hashes: Uint32Array, i: number, offset: number, record: number): number | undefined {
    const hash = i * HASH_WORDS;
    const tag = hashes[hash] as number;
    // The hash's words are sums of products, whose low bits are less random than the others.
    const mixed = Math.imul((hashes[hash + 2] as number) ^ (tag >>> 15), 0x9e3779b1);
    const first = (mixed >>> this.#shift) * WAYS;
    const tags = this.#tags;
    const met = this.#met;
    const now = ++this.#time >>> 0;
    for (let place = first; place < first + WAYS; place++) {
      // Equal pages are encoded to equal bytes, so their records are equal, too.
      if (tags[place] === tag && this.#records[place] === record && this.#sameRest(place, hashes, hash)) {
        met[place] = now;
        this.#pages++;
        this.#bytes += record & RECORD_SIZE_MASK;
        return this.#offsets[place];
      }
    }
    let oldest = first;
    for (let place = first + 1; place < first + WAYS; place++) {
      if ((met[place] as number) < (met[oldest] as number)) oldest = place;
    }
    tags[oldest] = tag;
    for (let word = 0; word < REST; word++) this.#rest[oldest * REST + word] = hashes[hash + 1 + word] as number;
    this.#offsets[oldest] = offset;
    this.#records[oldest] = record;
    met[oldest] = now;
    return undefined;
  }

  /** The next pages go to another file, which has none of the pages so far. */
  forget(): void {
    this.#records.fill(0);
  }

  #sameRest(place: number, hashes: Uint32Array, hash: number): boolean {
    for (let word = 0; word < REST; word++) {
      if (this.#rest[place * REST + word] !== hashes[hash + 1 + word]) return false;
    }
    return true;
  }
}
