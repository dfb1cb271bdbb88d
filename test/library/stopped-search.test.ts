/**
 * Work on the main thread that takes long and lets no other event run: no signal stops it. An input that has no
 * VMCOREINFO, and whose memory is a hole of 500 GiB, is searched for a minute by whatever needs its kernel.
 */
import { truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  auditDump,
  type Dump,
  estimateDump,
  filterDump,
  handOver,
  openInput,
  pageChunksOf,
  pagesOf,
  reportDump,
  verifyDump,
} from "../../src/index.js";
import { inFolder } from "../support/cli.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const file = inFolder(temporaryFolder());
const SIZE = 500 * 2 ** 30;
// Less that is stored would not be believed to be so much memory.
const STORED = Buffer.alloc(2 ** 24, 1);
writeFileSync(file("dump"), Buffer.concat([buildElf({ loads: [{ paddr: 0, offset: 4096, filesz: SIZE }] }), STORED]));
truncateSync(file("dump"), 4096 + SIZE);
writeFileSync(file("small"), buildElf({ loads: [{ paddr: 0, data: new Uint8Array(4096) }] }));
writeFileSync(file("raw"), STORED);
truncateSync(file("raw"), SIZE);
const vmlinux = "test/fixtures/dwarf/x86-64-dwarf4";

/** Runs work with a signal that is aborted when other events run for the first time. */
async function stopped(work: (signal: AbortSignal) => Promise<unknown>) {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  return failureOfAsync(() => work(controller.signal));
}

const discard = { output: { discard: true, name: "none" }, level: 31 } as const;

test.each<[string, (dump: Dump, signal: AbortSignal) => Promise<unknown>]>([
  ["filterDump", (dump, signal) => filterDump(dump, { ...discard, signal })],
  ["filterDump with a vmlinux", (dump, signal) => filterDump(dump, { ...discard, vmlinux, signal })],
  ["estimateDump", (dump, signal) => estimateDump(dump, { signal })],
  ["reportDump", (dump, signal) => reportDump(dump, { signal })],
  ["auditDump", (dump, signal) => auditDump(dump, { signal })],
  ["verifyDump", (_, signal) => verifyDump(file("dump"), { signal })],
  ["pagesOf", (dump, signal) => pagesOf(dump, { signal }).next()],
  ["pageChunksOf", (dump, signal) => pageChunksOf(dump, { signal }).next()],
  ["handOver", (dump, signal) => handOver(dump, { output: { path: file("out") }, signal })],
])("a signal stops the search of memory: %s", async (_, work) => {
  const dump = await openInput(file("dump"));
  try {
    expect(await stopped((signal) => work(dump, signal))).toMatchObject({ code: "ABORTED" });
  } finally {
    dump.close();
  }
});

test("a signal stops the search for the places of bare memory", async () => {
  const error = await stopped((signal) => openInput(file("raw"), undefined, { raw: "auto", signal }));
  expect(error).toMatchObject({ code: "ABORTED", file: file("raw") });
});

test("a signal stops the search of an original's memory: auditDump", async () => {
  const [dump, original] = [await openInput(file("small")), await openInput(file("dump"))];
  try {
    expect(await stopped((signal) => auditDump(dump, { original, signal }))).toMatchObject({ code: "ABORTED" });
  } finally {
    dump.close();
    original.close();
  }
});
