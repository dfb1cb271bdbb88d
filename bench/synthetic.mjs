// Writes a dump of any size that takes little room on disk: node bench/synthetic.mjs --help
import { readOptions, text } from "./support/options.mjs";
import { CONTENTS, FILL_NAMES, ZERO } from "./synthetic/contents.mjs";
import { MAX_SECTIONS, MAX_VARIANTS, makeDump } from "./synthetic/make.mjs";
import { KINDS, MIX } from "./synthetic/struct-pages.mjs";

const HELP = `node bench/synthetic.mjs OUT [options]: a dump of any size in little room

An ELF vmcore of an x86-64 Linux 6.1 with one node and 128 MiB of memory a
section. Section 0 holds the kernel with its page tables and struct pages; the
others are copies of a few variants: their program headers name the same part of
the file, and the page tables of the virtual memmap map the same struct pages.
So a terabyte takes 200 MiB of disk, stays in the page cache, and is read like
any other dump. The same options give the same bytes.

  --size SIZE       256M to 8T (default 4G)
  --far ADDRESS     all memory but the first 128 MiB begins there: 0T to 55T
                    (default 0T: right behind it)
  --kept SHARE      of pages that level 31 keeps (default 0.05)
  --mix K=N,...     shares of the kinds of pages, of those that are kept and of
                    the others (default:
  ${list(MIX)})
  --zero SHARE      of pages that are all zero (default 0.2); or by kind:
                    --zero free=0.9,slab=0
  --contents K=F,.. what pages of a kind hold (default mixed, slab=objects):
                    ${FILL_NAMES.join(", ")}
  --variants N      different sections, 1 to ${MAX_VARIANTS} (default 2)
  --seed N          (default 1)
  --truth FILE      write what the pages are, as JSON, to FILE
  --help            print this text

Kinds are ${KINDS.slice(0, -1).join(", ")} and ${KINDS.at(-1)}.
`;

function list(values) {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

function wrong(text) {
  console.error(`${text}; node bench/synthetic.mjs --help`);
  process.exit(2);
}

const UNITS = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

function bytesOf(text) {
  const [, amount, unit] = /^([\d.]+)([MGT])$/.exec(text) ?? [];
  return Number(amount) * UNITS[unit];
}

function sizeOf(text) {
  const size = bytesOf(text);
  return size >= UNITS.M * 256 && size <= MAX_SECTIONS * 2 ** 27 + 2 ** 28 ? size : wrong(`--size ${text}: 256M to 8T`);
}

function farOf(text) {
  const far = bytesOf(text);
  return far <= 55 * UNITS.T ? far : wrong(`--far ${text}: 0T to 55T`);
}

function numberOf(name, text, least, most) {
  const value = text === "" ? Number.NaN : Number(text);
  return value >= least && value <= most ? value : wrong(`${name} ${text}: no number from ${least} to ${most}`);
}

/** `KIND=VALUE,...` over what is usual. */
function byKind(name, text, usual, parse) {
  const found = { ...usual };
  for (const word of text.split(",").filter((part) => part !== "")) {
    const [kind, value = ""] = word.split("=");
    if (!KINDS.includes(kind)) wrong(`${name} ${word}: kinds are ${KINDS.join(", ")}`);
    found[kind] = parse(value);
  }
  return found;
}

const { values, files } = readOptions(
  HELP,
  {
    size: text("4G"),
    far: text("0T"),
    kept: text("0.05"),
    mix: text(""),
    zero: text(""),
    contents: text(""),
    variants: text("2"),
    seed: text("1"),
    truth: text(),
  },
  [1, 1, "made"],
);
const share = (text) => numberOf("a share", text, 0, 1);
const zero = /^[\d.]+$/.test(values.zero)
  ? Object.fromEntries(KINDS.map((kind) => [kind, share(values.zero)]))
  : byKind("--zero", values.zero, ZERO, share);
const made = makeDump(files[0], {
  size: sizeOf(values.size),
  far: farOf(values.far),
  kept: share(values.kept),
  mix: byKind("--mix", values.mix, MIX, (text) => numberOf("--mix", text, 0, 1e6)),
  zero,
  contents: byKind("--contents", values.contents, CONTENTS, (fill) =>
    FILL_NAMES.includes(fill) ? fill : wrong(`--contents ${fill}: there are ${FILL_NAMES.join(", ")}`),
  ),
  variants: Math.floor(numberOf("--variants", values.variants, 1, MAX_VARIANTS)),
  seed: numberOf("--seed", values.seed, 0, 2 ** 32 - 1),
  truth: values.truth,
});
console.log(`${files[0]}: ${made.memoryMib} MiB of memory in ${made.diskMib.toFixed(0)} MiB on disk`);
