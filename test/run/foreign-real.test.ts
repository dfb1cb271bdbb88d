/** Real dumps of machines other than x86-64 convert without loss: levels 0 and 1, ELF to kdump-compressed and back. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compareElfWithElf, compareKdumpWithElf } from "../support/compare-pages.js";
import { describeWithDumps, realDump, realDumps } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";

const nothingWrong = { different: [], unknown: [], leaked: [] };

describeWithDumps("real dumps of other machines", () => {
  const folder = temporaryFolder();

  describe.each(realDumps.filter((dump) => dump.arch !== "x86_64"))("$name", ({ name, pageSize }) => {
    test.each([0, 1])("level %i: every page's bytes are the original's, as kdump and as ELF again", async (level) => {
      const { vmcore } = await realDump(name);
      const kdump = join(folder, `${name}.kdump`);
      const { classes, inputPages, beyondMemMap } = await filterFile(vmcore, kdump, { level, codec: "lzo" });
      const compared = compareKdumpWithElf(kdump, vmcore);
      expect(compared).toMatchObject(nothingWrong);
      expect(compared.same).toBe(classes.kept + classes.zero);
      // Where the kernel can be looked into, pages with memory errors and firmware are left out at every level.
      expect(compared.same + classes.hwpoison + classes.offline + beyondMemMap).toBe(inputPages);
      if (level === 1) expect(compared.zero).toBe(classes.zero);

      const elf = join(folder, `${name}.elf`);
      await filterFile(kdump, elf, { level, format: "elf" });
      const written = openKdump(kdump);
      const kept = [...bitmapPfns(written.bitmap2)].map((pfn) => written.facts.firstPfn + pfn);
      written.close();
      const again = compareElfWithElf(elf, vmcore, kept, pageSize);
      expect(again).toMatchObject({ ...nothingWrong, same: kept.length });
    });
  });
});
