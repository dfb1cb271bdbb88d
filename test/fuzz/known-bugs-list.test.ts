/** Every known fault of other readers and filters has its case: the list, the cases and the table in docs/dev/reliability.md agree. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const KNOWN = "test/fuzz/known-bugs.test.ts";
const read = (path: string) => readFileSync(path, "utf8");

/** Fixes of drgn, crash, libkdumpfile and makedumpfile, and where their case is: its file and words of its title. */
const FAULTS: Readonly<Record<string, readonly [file: string, title: string]>> = {
  "drgn 046b94f0": [KNOWN, "the last number of VMCOREINFO ends where its note ends"],
  "crash 0687bd1": [KNOWN, "empty and cut-off notes"],
  "crash ad427b7": ["test/reader/elf/open.test.ts", "length: 70_000"],
  "crash b80b165": [KNOWN, "memory above 8 TiB"],
  "makedumpfile 881708b": [KNOWN, "memory above 8 TiB"],
  "crash 1767e9d": [KNOWN, "bitmaps beyond the end of the file"],
  "libkdumpfile#1": [KNOWN, "and none at all"],
  "crash fbf9a6f": [KNOWN, "a stream cut off at any record ends"],
  "crash 79b93ec": [KNOWN, "a header cut off at any byte"],
  "crash 4631320": ["test/run/salvage.test.ts", "descriptors that were never filled in"],
  "libkdumpfile 894ec1e": [KNOWN, "registers in a PRSTATUS of"],
  "libkdumpfile d635dc5": [KNOWN, "names beyond the end of a string table"],
  "libkdumpfile 99b8187": [KNOWN, "notes at an odd place"],
  "libkdumpfile a2cbfbd": [KNOWN, "an empty utsname"],
  "libkdumpfile 34b8800": [KNOWN, "addresses that cannot be"],
  "libkdumpfile 1980137": [KNOWN, "addresses that cannot be"],
  "libkdumpfile bea6ce0": [KNOWN, "addresses that cannot be"],
  "drgn 55a9b443": [KNOWN, "the signature has 16 bytes"],
  "makedumpfile c763012": [KNOWN, "of several records for one place the later one counts"],
  "makedumpfile 40c5772": ["test/codec/wasm/encode/compress.test.ts", "guardedCompress("],
  "drgn#196": [KNOWN, "opened many times, and closed twice"],
  "drgn#280": [KNOWN, "opened many times, and closed twice"],
};
/** No case can be made here, for the reason that the document gives. */
const NONE = ["makedumpfile a825064"];

test.each(Object.entries(FAULTS))("%s has its case", (_, [file, title]) => {
  expect(read(file)).toContain(title);
});

test("the document names each of them", () => {
  const rows = read("docs/dev/reliability.md").split("### Faults of other tools")[1]?.split("\n## ")[0] ?? "";
  const short = (name: string) => name.split(/[ #]/).at(-1) as string;
  const missing = [...Object.keys(FAULTS), ...NONE].filter((name) => !rows.includes(short(name)));
  expect(missing).toEqual([]);
});
