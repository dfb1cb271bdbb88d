import { PAGE_KINDS } from "../kernel/page/page-kinds.js";

/** Number of pages of each kind that are compressed to measure how well it compresses. */
const PAGES_PER_KIND = 512;

/**
 * Selects random pages of each kind (reservoir sampling, Vitter's algorithm R), the same ones in every run. Takes about
 * 5 ns per page.
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
      // The 32-bit generator of Numerical Recipes: its high bits are good enough for this.
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      at = Math.floor((this.#random / 2 ** 32) * (seen + 1));
      if (at >= PAGES_PER_KIND) return;
    }
    (this.#pfns[kind] as Float64Array)[at] = pfn;
  }

  /** The selected pages of a kind, ascending. */
  pfnsOf(kind: number): Float64Array {
    const count = Math.min(this.#seen[kind] as number, PAGES_PER_KIND);
    return (this.#pfns[kind] as Float64Array).slice(0, count).sort();
  }
}
