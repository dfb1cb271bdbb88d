/** Audits of real dumps at level 0 find every text that was written on purpose, in pages of the kind it was written to. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeWithDumps, goldenDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { auditFile, CANARIES, isInPage, pagesByText, searchElf } from "./support.js";

/** The kinds of page that each text was written to. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  anon: ["anon"],
  huge: ["hugetlb"],
  thp_: ["anon"],
  lock: ["anon"],
  ksm_: ["ksm"],
  tmpf: ["shmem"],
  ext4: ["cache"],
  extw: ["cache-private"],
  shm_: ["shmem"],
  page: ["free", "pcp-free"],
  pipe: ["kernel"],
};

describeWithDumps("audit of real dumps", () => {
  const folder = temporaryFolder();

  test.each(goldenDumps)("$name", async ({ name, pageSize, mebibytes }) => {
    const { vmcore } = await realDump(name);
    const brute = searchElf(vmcore, pageSize, CANARIES);
    expect(Object.keys(brute).length).toBeGreaterThanOrEqual(5);
    const output = join(folder, "output");
    await filterFile(vmcore, output, { level: 0, format: mebibytes < 100 ? "kdump" : "elf" });
    const all = await auditFile(output, CANARIES);
    expect(pagesByText(all, CANARIES)).toEqual(brute);
    expect(all).toMatchObject({ clean: false, classifiedBy: "dump", damagedPages: 0, placesLeftOut: 0 });
    for (const { line, kinds } of all.secrets ?? []) {
      const text = CANARIES[line - 1] as string;
      const expected = KINDS[text.slice(-4)] ?? [];
      // Freed memory may be in use again, and a program's own copy of its texts is page cache.
      const right = Object.entries(kinds).filter(([kind]) => expected.includes(kind));
      if (brute[text] !== undefined && text !== "FREECANARY-page") expect(right, text).not.toEqual([]);
    }
    const owned = all.places.filter(isInPage).filter(({ kind }) => kind === "anon" || kind === "shmem");
    expect(owned.length).toBeGreaterThan(0);
    for (const { kind, mapping } of owned) expect(mapping ?? "", kind).toMatch(kind === "anon" ? /[13579bdf]$/ : /^0x/);

    // Level 31 leaves what waits on the CPUs' lists of free pages, and nothing else of users.
    await filterFile(vmcore, output, { level: 31 });
    const few = await auditFile(output, CANARIES);
    const left = few.kinds.filter(({ verdict }) => verdict === "user data").map(({ kind }) => kind);
    expect(left.filter((kind) => kind !== "pcp-free" && kind !== "unreferenced")).toEqual([]);
    expect(few.unknownPages).toBe(0);
    for (const [text, pages] of Object.entries(pagesByText(few, CANARIES))) {
      expect(brute[text], text).toEqual(expect.arrayContaining(pages));
    }
  });
});
