/** Reports of described machines, and of texts that want to do harm. */
import { KIND, PAGE_KINDS } from "../../src/kernel/page/page-kinds.js";
import { sharedBitmap } from "../../src/reader/bitmap.js";
import { CellMapBuilder } from "../../src/report/cell-map.js";
import { mapSpans } from "../../src/report/memory-spans.js";
import type { KindSum } from "../../src/report/page-collector.js";
import { DROPPED, STORED, STORED_ZERO, stateOf } from "../../src/report/page-states.js";
import { kindRows, type ReportData } from "../../src/report/report-data.js";

/** Ends whatever it stands in, and then runs. */
export const HOSTILE = `</script></title></style>--><script>globalThis.harm=1</script><img src=x onerror=globalThis.harm=1>" ' onload=globalThis.harm=1 {{7*7}} \u202egnp.exe\u0000\u001b[2J`;

/** Pages of one state behind each other. */
export type Run = readonly [state: number, pages: number];

/** What a machine of so many pages may look like: long stretches of free and users' memory, and the kernel's own torn. */
export function* lifelikeRuns(pages: number, longest: number): Generator<Run> {
  const states = [
    ...[KIND.free, KIND.anon, KIND.cache, KIND.hugetlb].map((kind) => stateOf(kind, DROPPED)),
    ...[KIND.slab, KIND.kernel, KIND["page-table"], KIND.reserved].map((kind) => stateOf(kind, STORED)),
    stateOf(KIND.slab, STORED_ZERO),
  ];
  let random = 1;
  const next = () => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return random / 2 ** 32;
  };
  for (let left = pages; left > 0; ) {
    const at = Math.floor(next() ** 2 * states.length);
    const most = at < 4 ? longest : Math.ceil(longest / 32);
    const count = Math.min(left, 1 + Math.floor(next() * most));
    yield [states[at] as number, count];
    left -= count;
  }
}

/** A report of a machine with memory from 0 on. Texts of the dump are `text` where one is given. */
export function describedReport(pages: number, runs: Iterable<Run>, text = "text"): ReportData {
  const builder = new CellMapBuilder(mapSpans(sharedBitmap(pages), pages, [{ startPfn: 0, endPfn: pages }]));
  const sums: KindSum[] = PAGE_KINDS.map(() => ({
    ...{ pages: 0, absent: 0, kept: 0, zero: 0, dropped: 0, storedBytes: 0 },
  }));
  for (const [state, count] of runs) {
    builder.add(state, count);
    const sum = sums[state >> 2] as KindSum;
    sum.pages += count;
    if ((state & 3) === DROPPED) sum.dropped += count;
    else if ((state & 3) === STORED_ZERO) sum.zero += count;
    else {
      sum.kept += count;
      sum.storedBytes += count * 1000;
    }
  }
  return {
    version: text,
    made: new Date(0),
    files: [text],
    description: text,
    inputBytes: pages * 4096,
    pageSize: 4096,
    machine: {
      ...{ arch: text, bits: 64, byteOrder: "little", cpus: 4, cpusWithRegisters: 4, memoryBytes: pages * 4096 },
      ranges: [{ start: 0, end: pages * 4096 }],
      ...{ release: text, kernelVersion: text, host: text, buildId: text, memoryModel: text, crashTime: new Date(0) },
      notes: [{ name: text, type: 1, size: 2 }],
      vmcoreinfoItems: 3,
    },
    map: builder.finish(),
    places: [
      { type: "node", name: text, startPfn: 0, endPfn: pages },
      { type: "zone", name: "Normal", startPfn: Math.floor(pages / 3), endPfn: pages },
    ],
    kinds: kindRows(sums),
    run: {
      ...{ output: text, outputBytes: pages * 100, format: "kdump", codec: text, level: 31, privacy: false },
      ...{ incomplete: false, sharedBytes: 0, seconds: 2 },
      classes: {
        ...{ kept: 1, cache: 2, "cache-private": 3, user: 4, free: 5 },
        ...{ hwpoison: 0, offline: 0, zero: 6 },
      },
      stages: [{ name: text, seconds: 1 }],
    },
    log: { lines: [`${text}\n`, "second line\n"], before: 7 },
    warnings: [{ code: "NOTE", message: text, count: 2 }],
  };
}
