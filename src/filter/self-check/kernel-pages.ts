import { readVirtual } from "../../kernel/address-space.js";
import { attachSpace, type KernelView } from "../../kernel/kernel-view.js";
import { structPageIn } from "../../kernel/page/mem-map.js";
import type { Dump } from "../../reader/dump.js";
import { BATCH, createClassifier } from "../classifier.js";
import { PAGE_CLASSES } from "../page-classes.js";
import type { SampleBlock } from "./sample.js";

/** Pages that are certainly the kernel's own, by the class that they got nevertheless. */
export interface KernelPageEvidence {
  readonly pages: number;
  /** Indexed by class number. */
  readonly classes: readonly number[];
}

/** How far before a page its block may begin: 2^10 pages, the largest order of nearly all kernels. */
const REACH = 1024;
/** Symbols of an image are close together: a few blocks contain them all. Of the struct pages' own, as many are looked at. */
const MOST_BLOCKS = 6;

/**
 * Classifies pages that no level may drop: those of the symbols in VMCOREINFO, which are the kernel's own data, and
 * those that contain the struct pages themselves.
 */
export function kernelPageEvidence(dump: Dump, view: KernelView, blocks: readonly SampleBlock[]): KernelPageEvidence {
  const space = attachSpace(view.space, dump.memory);
  const symbols = [...(dump.vmcoreinfo?.items.keys() ?? [])].flatMap((name) => {
    const symbol = /^SYMBOL\((.+)\)$/.exec(name)?.[1];
    return symbol === undefined ? [] : (dump.vmcoreinfo?.symbol(symbol) ?? []);
  });
  // Only every eighth block: struct pages at wrong places are seen in a few blocks as well as in many.
  const structs = blocks.filter((_, i) => i % 8 === 0).map(({ address }) => address);
  const pfnsOf = (addresses: readonly bigint[]) =>
    addresses.flatMap((address) => {
      const paddr = space.translate(address)?.paddr;
      return paddr !== undefined && Number.isFinite(dump.memory.next(paddr)) ? [Math.floor(paddr / dump.pageSize)] : [];
    });
  const blocksOf = (pages: readonly number[]) =>
    [...new Set(pages.map((pfn) => pfn - (pfn % REACH)))].slice(0, MOST_BLOCKS);
  const [ofSymbols, ofStructs] = [pfnsOf(symbols), pfnsOf(structs)];
  const pfns = new Set([...ofSymbols, ...ofStructs]);
  const classes: number[] = PAGE_CLASSES.map(() => 0);
  const starts = new Set([...blocksOf(ofSymbols), ...blocksOf(ofStructs)]);
  const classifier = createClassifier(view.layout, {
    zero: false,
    cache: true,
    cachePrivate: true,
    user: true,
    free: true,
  });
  let pages = 0;
  for (const start of starts) {
    const found = classesOf(start);
    for (const pfn of pfns) {
      if (pfn < start || pfn >= start + found.length) continue;
      pages++;
      const pageClass = found[pfn - start] as number;
      classes[pageClass] = (classes[pageClass] as number) + 1;
    }
  }
  classifier.end();
  return { pages, classes };

  /** Classes of the pages from `start` on, as far as the dump has their struct pages. */
  function classesOf(start: number): Uint8Array {
    const { memMap, layout } = view;
    for (let i = 0; i < memMap.count; i++) {
      const first = memMap.startPfn[i] as number;
      const from = Math.max(start, first);
      const to = Math.min(start + REACH, memMap.endPfn[i] as number);
      if (from >= to) continue;
      const wanted = classifier.pages.subarray((from - start) * layout.size, (to - start) * layout.size);
      const address = structPageIn(memMap, layout.size, i, from);
      const got = Math.floor(readVirtual(space, dump.memory, wanted, address) / layout.size);
      classifier.present.fill(0xff, 0, Math.ceil(BATCH / 8));
      classifier.classify(start, from - start, from - start + got, 0);
      return classifier.classes.slice(0, from - start + got);
    }
    return new Uint8Array(0);
  }
}
