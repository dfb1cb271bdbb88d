/** Memory that a small file claims and has no data for: the report's walk looks at stretches of it, not at each page. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { PageCollector } from "../../src/report/page-collector.js";
import { patternBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { withDump } from "../support/open.js";

const PAGE = 4096;
const PAGES = 2 ** 24;

test("pages without data and struct pages are counted by stretches", () => {
  const data = patternBytes("page ", PAGE);
  const bytes = buildElf({
    notes: [vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")],
    loads: [
      { paddr: 0, data, memsz: PAGES * PAGE },
      { paddr: 2 * PAGES * PAGE, data },
    ],
  });
  withDump(join(temporaryFolder()), bytes, (dump) => {
    let asked = 0;
    const { kept } = initialPlan(dump, undefined);
    const counted = new Proxy(kept, {
      get(target, key) {
        asked++;
        return Reflect.get(target, key) as unknown;
      },
    });
    const collector = new PageCollector(dump, undefined);
    collector.advance(dump.maxMapnr, counted);
    collector.finish();
    const sums = collector.sums.filter(({ pages, absent }) => pages + absent > 0);
    expect(sums).toEqual([expect.objectContaining({ pages: 2, kept: 2, absent: PAGES - 1 })]);
    expect(asked).toBeLessThan(PAGES / 100);
  });
});
