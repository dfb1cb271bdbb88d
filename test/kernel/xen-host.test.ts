/** The vmcore of a Xen host: its pages are the machine's, the struct pages in it are domain 0's. It is named, converted, and not filtered by them. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [{ pfn: 64, kind: "anon", count: 8 }],
});
const NOTES = [
  { name: "Xen", type: 0x100_0002, desc: new Uint8Array(32) },
  { name: "Xen", type: 0x100_0001, desc: new Uint8Array(80) },
  { name: "VMCOREINFO_XEN", type: 0, desc: Buffer.from("PAGESIZE=4096\n") },
];

test.each(NOTES.map((note) => [`${note.name} 0x${note.type.toString(16)}`, note] as const))("%s", async (_, note) => {
  const [host, out] = [at("host"), at("out")];
  writeElf(host, kernel, { notes: [...kernel.notes, note] });
  for (const options of [{ level: 31 }, { level: 2 }, { privacy: true }]) {
    const error = await failureOfAsync(() => filterFile(host, out, options));
    expect(error).toMatchObject({ code: "CANNOT_FILTER", subcode: "XEN_HOST" });
    expect(error.message).toMatch(/the memory of a Xen host.*Levels 0 and 1 .*makedumpfile -X/);
  }
  const { classes } = await filterFile(host, out, { level: 1 });
  expect(classes.zero).toBeGreaterThan(0);
  const dump = openDump(out);
  dump.close();
  expect(dump.header.description).toMatch(/^kdump-compressed, .*, of a Xen host$/);
  expect((await failureOfAsync(() => filterFile(out, at("again"), { level: 31 }))).subcode).toBe("XEN_HOST");
  const { findings, comparison, notChecked } = await verifyDump(out, { against: host, workers: sharedThread() });
  expect([findings, comparison?.different]).toEqual([[], 0]);
  expect(notChecked.join()).toMatch(/a Xen host/);
});
