// Writes a dump of any size that takes little room on disk:
//   node bench/synthetic.mjs OUT --size 64G [--kept 0.05] [--zero 0.2] [--variants 2] [--seed 1]
// It is an ELF vmcore of an x86-64 Linux 6.1 with one node, 128 MiB of memory a section. Section 0 holds the kernel; the
// others are copies of a few variants: their program headers name the same part of the file, and the page tables of the
// virtual memmap map the same 2 MiB of struct pages. So a terabyte takes some 200 MiB, stays in the page cache, and is
// read like any other dump.
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { pageContents } from "./synthetic/contents.mjs";
import { elfHead } from "./synthetic/elf.mjs";
import { buildKernel, SECTION_BYTES, vmcoreinfo } from "./synthetic/kernel.mjs";
import { random } from "./synthetic/random.mjs";
import { structPages } from "./synthetic/struct-pages.mjs";

const UNITS = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const MAX_SECTIONS = 65533;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string", default: "4G" },
    kept: { type: "string", default: "0.05" },
    zero: { type: "string", default: "0.2" },
    variants: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
  },
});
const [, amount, unit] = /^([\d.]+)([MGT])$/.exec(values.size) ?? [];
const sections = Math.floor((Number(amount) * UNITS[unit]) / SECTION_BYTES);
const variants = Number(values.variants);
if (positionals.length !== 1 || !(sections >= 2 && sections <= MAX_SECTIONS) || !(variants >= 1 && variants <= 32)) {
  console.error(
    "usage: node bench/synthetic.mjs OUT --size 256M to 8T [--kept 0.05] [--zero 0.2] [--variants 1 to 32] [--seed 1]",
  );
  process.exit(2);
}

/** Writes what is not zero; the rest stays a hole. */
function writeSparse(fd, at, bytes) {
  const page = 4096;
  const zero = Buffer.alloc(page);
  let start = 0;
  for (let i = 0; i <= bytes.length; i += page) {
    const empty = i === bytes.length || zero.compare(bytes, i, Math.min(i + page, bytes.length)) === 0;
    if (!empty) continue;
    if (i > start) writeSync(fd, bytes, start, i - start, at + start);
    start = i + page;
  }
}

const fd = openSync(positionals[0], "wx");
const variantOf = (section) => (section - 1) % variants;
const { head, dataStart } = elfHead({
  notes: vmcoreinfo(sections),
  segments: Array.from({ length: sections }, (_, section) => ({
    paddr: section * SECTION_BYTES,
    size: SECTION_BYTES,
    offset: (section === 0 ? 0 : 1 + variantOf(section)) * SECTION_BYTES,
  })),
});
writeSync(fd, head, 0, head.length, 0);
const next = random(Number(values.seed));
const patterns = [];
for (let variant = 0; variant < variants; variant++) {
  const { structs, kinds } = structPages(next, Number(values.kept));
  patterns.push(structs);
  writeSparse(fd, dataStart + (1 + variant) * SECTION_BYTES, pageContents(next, kinds, Number(values.zero)));
}
writeSparse(fd, dataStart, buildKernel(sections, variantOf, patterns));
ftruncateSync(fd, dataStart + (1 + variants) * SECTION_BYTES);
closeSync(fd);
const { blocks } = statSync(positionals[0]);
console.log(
  `${positionals[0]}: ${sections * 128} MiB of memory in ${((blocks * 512) / 2 ** 20).toFixed(0)} MiB on disk`,
);
