import { DumpError } from "../errors.js";
import type { FoundOfRule } from "../filter/erase/erase-texts.js";
import { ERASED, MAX_SPANS, SpanList } from "../filter/erase/spans.js";
import type { PagePlan } from "../filter/plan.js";
import type { RuleNeedle, TextSearch } from "../filter/text/text-search.js";
import { countBits } from "../reader/bitmap.js";
import { keptRanges } from "./chunks.js";
import { inOrder, type WorkerPool } from "./pool.js";
import { HALF_NUMBERS, MATCH_NUMBERS } from "./search-texts.js";
import type { SearchResult } from "./tasks.js";

/** Memory of a task. Its result is a few numbers, and its borders are read twice. */
const SEARCH_BYTES = 8 << 20;

/**
 * Finds all texts in the kept pages. The tasks depend on the bitmap alone, so the result is the same for any number of
 * workers. `done` is called with the number of pages read since the last call. Throws `LIMIT` above MAX_SPANS places.
 */
export async function searchDump(
  pool: WorkerPool,
  search: TextSearch,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
  file: string,
  done: (pages: number) => void,
): Promise<readonly FoundOfRule[]> {
  const pages = Math.max(8, Math.floor(SEARCH_BYTES / pool.layout.pageSize));
  const found = Array.from({ length: search.rules }, () => ({ list: new SpanList(), count: 0 }));
  const halves = new Halves(search.needles);
  let places = 0;
  const limit = (more: number) => {
    places += more;
    if (places <= MAX_SPANS) return;
    throw new DumpError("LIMIT", `the texts of erase rules were found at more than ${MAX_SPANS} places`, {
      file,
      cure: "Write rules that match less",
    });
  };
  pool.expect(countBits(kept, 0, maxMapnr) / pool.layout.pages);
  const tasks = pool.readAhead.pages(keptRanges(kept, maxMapnr, pages));
  for await (const result of inOrder(tasks, (range) => pool.search(range), pool.inFlight)) {
    limit((result.matches.length + result.halves.length) / MATCH_NUMBERS);
    for (let i = 0; i < result.matches.length; i += MATCH_NUMBERS) {
      const [rule, start, end] = result.matches.subarray(i) as unknown as [number, number, number];
      (found[rule] as (typeof found)[number]).list.add(start, end - start);
    }
    result.counts.forEach((count, rule) => {
      (found[rule] as (typeof found)[number]).count += count;
    });
    halves.take(result);
    done(result.pages);
  }
  halves.join((rule, spans, count) => {
    const one = found[rule] as (typeof found)[number];
    one.count += count;
    for (const [start, length] of spans) one.list.add(start, length);
  });
  return found.map(({ list, count }) => ({ count, spans: list.merged(ERASED) }));
}

/** Halves of texts at the borders of pages. If both halves of a text exist, all places of both are erased. */
class Halves {
  /**
   * By needle and length before the border: addresses of borders with the first half before them, and with the second
   * half behind them.
   */
  readonly #borders = new Map<string, readonly [number[], number[]]>();

  constructor(private readonly needles: readonly RuleNeedle[]) {}

  take({ halves }: SearchResult): void {
    for (let i = 0; i < halves.length; i += HALF_NUMBERS) {
      const [needle, before, behind, border] = halves.subarray(i) as unknown as [number, number, 0 | 1, number];
      const key = `${needle} ${before}`;
      const both = this.#borders.get(key) ?? ([[], []] as const);
      this.#borders.set(key, both);
      both[behind].push(border);
    }
  }

  join(found: (rule: number, spans: readonly (readonly [number, number])[], count: number) => void): void {
    for (const [key, [ends, starts]] of this.#borders) {
      const [needle = 0, before = 0] = key.split(" ").map(Number);
      const { rule, bytes } = this.needles[needle] as RuleNeedle;
      // If both halves are at the same border, the text is whole in the machine's memory, and was found already.
      const begun = new Set(ends);
      const whole = new Set(starts.filter((border) => begun.has(border)));
      const [tails, heads] = [ends, starts].map((list) => list.filter((border) => !whole.has(border))) as [
        number[],
        number[],
      ];
      if (tails.length === 0 || heads.length === 0) continue;
      const spans = [
        ...tails.map((border) => [border - before, before] as const),
        ...heads.map((border) => [border, bytes.length - before] as const),
      ];
      found(rule, spans, Math.max(tails.length, heads.length));
    }
  }
}
