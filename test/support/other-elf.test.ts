/** The second reader of ELF dumps: which pages a file holds bytes of. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildElf } from "./elf-image.js";
import { temporaryFolder } from "./filter.js";
import { openElf } from "./other-elf.js";

test("a segment without a byte in the file gives no page, wherever in a page it begins", () => {
  const path = join(temporaryFolder(), "elf");
  const data = new Uint8Array(4096).fill(7);
  const empty = { data: new Uint8Array(0), memsz: 4096 };
  writeFileSync(
    path,
    buildElf({
      loads: [
        { paddr: 0x1000, data },
        { paddr: 0x5800, ...empty },
        { paddr: 0x8000, ...empty },
      ],
    }),
  );
  const dump = openElf(path);
  try {
    expect([...dump.pfns(4096)]).toEqual([1]);
    expect([1, 5, 6, 8].map((pfn) => dump.page(pfn, 4096)?.[0])).toEqual([7, undefined, undefined, undefined]);
  } finally {
    dump.close();
  }
});
