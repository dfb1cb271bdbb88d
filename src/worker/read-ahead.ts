import { attachSpace } from "../kernel/kernel-view.js";
import { structPageIn } from "../kernel/page/mem-map.js";
import { attachMemory } from "../reader/attach.js";
import { findBit, nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import type { DumpImage } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { fileRanges, type TakeRange } from "../reader/source/file-ranges.js";
import { sourcesOf } from "../reader/source/input-changed.js";
import type { SourceImage } from "../reader/source/source-image.js";
import { handleOf } from "../store/remote-object.js";
import type { ScanContext } from "./tasks.js";

/**
 * Tasks that are announced to the store together: up to 64 MiB of memory. Between one and two such batches are
 * announced at any time.
 */
const PAGE_TASKS = 32;
const SCAN_TASKS = 8;
/** Struct pages are checked in steps of this many pages: they are not fetched for a step without kept pages. */
const STEP_PAGES = 2 ** 12;

/**
 * Announces to stores what the tasks of a run will read, some tasks before they begin. Does nothing for inputs that are
 * files.
 */
export interface ReadAhead {
  /** Yields the tasks, which read the kept pages of their ranges, and announces them. */
  pages(tasks: Iterable<PfnRange>): Iterable<PfnRange>;
  /** Yields the tasks, which read the struct pages of their ranges, and announces them. */
  structPages(tasks: Iterable<PfnRange>): Iterable<PfnRange>;
}

/** What a run reads. */
interface Reading {
  readonly image: DumpImage;
  readonly pageSize: number;
  readonly kept: PageBitmap;
  readonly kernel: ScanContext | undefined;
}

export function readAhead(reading: Reading): ReadAhead {
  const { image, pageSize, kept, kernel } = reading;
  if (sourcesOf(image).every(({ remote }) => remote === undefined)) {
    return { pages: (tasks) => tasks, structPages: (tasks) => tasks };
  }
  const files = fileRanges(image);
  const physicalOfPages = ({ startPfn, endPfn }: PfnRange, take: (start: number, end: number) => void) => {
    for (const run = runsFrom(startPfn); nextRun(kept, run, endPfn); ) take(run.start * pageSize, run.end * pageSize);
  };
  return {
    pages: (tasks) => ahead(tasks, PAGE_TASKS, files, physicalOfPages),
    structPages(tasks) {
      if (kernel === undefined) return tasks;
      const { memMap, pageLayout } = kernel;
      const space = attachSpace(kernel.space, attachMemory(image));
      return ahead(tasks, SCAN_TASKS, files, ({ startPfn, endPfn }, take) => {
        for (let range = 0; range < memMap.count; range++) {
          const first = memMap.startPfn[range] as number;
          const end = Math.min(memMap.endPfn[range] as number, endPfn);
          for (let pfn = Math.max(first, startPfn); pfn < end; pfn += STEP_PAGES) {
            const to = Math.min(pfn + STEP_PAGES, end);
            if (findBit(kept, pfn, to, true) === to) continue;
            const address = structPageIn(memMap, pageLayout.size, range, pfn);
            const length = (to - pfn) * pageLayout.size;
            for (let done = 0; done < length; ) {
              const found = space.translate(address + BigInt(done));
              if (found === undefined) break;
              const n = Math.min(found.length, length - done);
              take(found.paddr, found.paddr + n);
              done += n;
            }
          }
        }
      });
    },
  };
}

/** Yields the tasks, and announces what they read one batch before. */
function* ahead(
  tasks: Iterable<PfnRange>,
  count: number,
  files: ReturnType<typeof fileRanges>,
  physical: (task: PfnRange, take: (start: number, end: number) => void) => void,
): Generator<PfnRange, void, undefined> {
  const plans = new Plans();
  let batch: PfnRange[] = [];
  let before: PfnRange[] = [];
  const announce = () => {
    for (const what of [files.tables, files.memory]) {
      for (const task of batch) physical(task, (start, end) => what(start, end, plans.take));
      plans.send();
    }
  };
  for (const task of tasks) {
    batch.push(task);
    if (batch.length < count) continue;
    announce();
    yield* before;
    before = batch;
    batch = [];
  }
  announce();
  yield* before;
  yield* batch;
}

/** Collects ranges of each input file for the store; neighbours are joined. */
class Plans {
  readonly #ranges = new Map<SourceImage, number[]>();
  readonly #known = new Set<SourceImage>();

  readonly take: TakeRange = (source, start, end) => {
    const list = this.#ranges.get(source) ?? [];
    if (list.length === 0) this.#ranges.set(source, list);
    const last = list.length - 1;
    // Pages that share bytes with earlier ones are not fetched twice.
    if (last > 0 && start < (list[last] as number)) {
      if (end > (list[last] as number) && start >= (list[last - 1] as number)) list[last] = end;
      return;
    }
    if (last > 0 && list[last] === start) list[last] = end;
    else list.push(start, end);
  };

  send(): void {
    for (const [source, ranges] of this.#ranges) {
      const handle = source.remote && handleOf(source.remote);
      handle?.follow(Float64Array.from(ranges), !this.#known.has(source));
      this.#known.add(source);
    }
    this.#ranges.clear();
  }
}
