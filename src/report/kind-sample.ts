import { PAGE_KINDS } from "../kernel/page/page-kinds.js";

/** Pages of each kind that are compressed to tell how well it compresses. */
const PAGES_PER_KIND = 512;

/**
 * Draws pages of each kind at random (reservoir sampling, Vitter's algorithm R), the same ones in every run. About 5 ns per
 * page.
 */
export class KindSample {
  readonly #pfns: Float64Array[] = PAGE_KINDS.map(() => new Float64Array(PAGES_PER_KIND));
  readonly #seen = new Float64Array(PAGE_KINDS.length);
  #random = 1;

  offer(kind: number, pfn: number): void {
    const seen = this.#seen[kind] as number;
    this.#seen[kind] = seen + 1;
    let at = seen;
    if (seen >= PAGES_PER_KIND) {
      // Numerical Recipes' generator of 32 bits: its high bits are good enough for this.
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      at = Math.floor((this.#random / 2 ** 32) * (seen + 1));
      if (at >= PAGES_PER_KIND) return;
    }
    (this.#pfns[kind] as Float64Array)[at] = pfn;
  }

  /** The pages drawn of a kind, ascending. */
  pfnsOf(kind: number): Float64Array {
    const count = Math.min(this.#seen[kind] as number, PAGES_PER_KIND);
    return (this.#pfns[kind] as Float64Array).slice(0, count).sort();
  }
}
