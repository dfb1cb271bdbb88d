import { closeSync, ftruncateSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { pageContents } from "./contents.mjs";
import { elfHead } from "./elf.mjs";
import { buildKernel, SECTION_BYTES, vmcoreinfo } from "./kernel.mjs";
import { random } from "./random.mjs";
import { KINDS, structPages } from "./struct-pages.mjs";

/** What program headers can be counted without a section header (e_phnum), less that of the notes. */
export const MAX_SECTIONS = 65533;
/** Their struct pages have to lie in section 0. */
export const MAX_VARIANTS = 32;
const PAGE = 4096;

/** Writes what is not zero; the rest stays a hole. */
function writeSparse(fd, at, bytes) {
  const zero = Buffer.alloc(PAGE);
  let start = 0;
  for (let i = 0; i <= bytes.length; i += PAGE) {
    const empty = i === bytes.length || zero.compare(bytes, i, Math.min(i + PAGE, bytes.length)) === 0;
    if (!empty) continue;
    if (i > start) writeSync(fd, bytes, start, i - start, at + start);
    start = i + PAGE;
  }
}

/** Runs of equal pages: [kind, whether they are zero, how many]. */
function runsOf(pages, kindAt, zeroAt) {
  const runs = [];
  for (let i = 0; i < pages; i++) {
    const last = runs.at(-1);
    if (last?.[0] === kindAt(i) && last[1] === zeroAt(i)) last[2]++;
    else runs.push([kindAt(i), zeroAt(i), 1]);
  }
  return runs;
}

/** Writes the dump; the options are those of synthetic.mjs, as numbers. */
export function makeDump(path, { size, far, kept, mix, zero, contents, variants, seed, truth }) {
  const sections = Math.min(Math.floor(size / SECTION_BYTES), MAX_SECTIONS);
  const variantOf = (section) => (section - 1) % variants;
  const numberOf = (section) => (section === 0 ? 0 : section - 1 + Math.max(1, Math.floor(far / SECTION_BYTES)));
  const fd = openSync(path, "wx");
  const { head, dataStart } = elfHead({
    notes: vmcoreinfo(sections),
    segments: Array.from({ length: sections }, (_, section) => ({
      paddr: numberOf(section) * SECTION_BYTES,
      size: SECTION_BYTES,
      offset: (section === 0 ? 0 : 1 + variantOf(section)) * SECTION_BYTES,
    })),
  });
  writeSync(fd, head, 0, head.length, 0);
  const next = random(seed);
  const patterns = [];
  const runs = [];
  for (let variant = 0; variant < variants; variant++) {
    const { structs, kinds } = structPages(next, kept, mix);
    const { bytes, zeros } = pageContents(next, kinds, zero, contents);
    patterns.push(structs);
    writeSparse(fd, dataStart + (1 + variant) * SECTION_BYTES, bytes);
    if (truth)
      runs.push(
        runsOf(
          kinds.length,
          (i) => KINDS[kinds[i]],
          (i) => zeros[i] === 1,
        ),
      );
  }
  const { memory, used } = buildKernel(sections, numberOf, variantOf, patterns);
  writeSparse(fd, dataStart, memory);
  ftruncateSync(fd, dataStart + (1 + variants) * SECTION_BYTES);
  closeSync(fd);
  if (truth) {
    const none = Buffer.alloc(PAGE);
    const isZero = (i) => none.compare(memory, i * PAGE, (i + 1) * PAGE) === 0;
    const first = runsOf(used.length, (i) => (used[i] ? "kernel" : "free"), isZero);
    // Section 0, then the variants in turn, over and over.
    writeFileSync(truth, `${JSON.stringify({ sections, first, variants: runs })}\n`);
  }
  return { memoryMib: sections * 128, diskMib: (statSync(path).blocks * 512) / 2 ** 20 };
}
