// Speed and ratio of the codec modules: node bench/modules.mjs --help
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, inflateSync } from "node:zlib";
import { loadDecodeModule } from "../dist/codec/wasm/decode/load.js";
import { createWasmMemory, loadEncodeModule } from "../dist/codec/wasm/encode/load.js";
import { readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/modules.mjs [FILE] [options]: speed and ratio of the codec modules

Compresses and decompresses FILE page by page with the kernels and, where a C
compiler is, with the C libraries that makedumpfile uses; with npm snappy and
node:zlib, too. Pages that are all zero are left out. Without FILE the pages are
those of the node program itself. Needs npm run build.

MB/s are 10^6 bytes of pages per second of CPU time. Pages are taken in batches
that have just been copied, as a worker has just read its pages; the time of a
batch is the least of all rounds. On a busy machine trust the shares most.

  --page-size N     bytes (default 4096)
  --rounds N        (default 5)
  --skip BYTES      begin there: the pages of an ELF dump are behind its headers
  --max-mib N       take so many MiB of pages (default 64)
  --only LETTERS    only some codecs: any of l (LZO), s (snappy), z (zlib)
  --help            print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    "page-size": whole(4096, 512, 65536),
    rounds: whole(5, 1),
    skip: whole(0, 0),
    "max-mib": whole(64, 1, 1024),
    only: { ...text(""), wants: "any of l, s and z", read: (value) => (/^[lsz]*$/.test(value) ? value : undefined) },
  },
  [0, 1],
);
const pageSize = values["page-size"];
const { rounds } = values;
const file = files[0] ?? process.execPath;

/** CPU time of this process in nanoseconds. */
const now = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

/** The first `limit` bytes of the file's pages that are not all zero. */
function readPages(limit) {
  const fd = openSync(file, "r");
  const pages = [];
  const zero = Buffer.alloc(pageSize);
  let at = values.skip;
  for (let total = 0; total < limit; at += pageSize) {
    const page = Buffer.alloc(pageSize);
    if (readSync(fd, page, 0, pageSize, at) < pageSize) break;
    if (page.equals(zero)) continue;
    pages.push(page);
    total += pageSize;
  }
  return Buffer.concat(pages);
}

const data = readPages(values["max-mib"] << 20);
const count = data.length / pageSize;
const slot = pageSize + (pageSize >> 1) + 1024;
/** Pages that are timed at once. A worker has just read its pages, too, when it compresses them. */
const BATCH = 256;

// Memory: the pages of a batch, one slot a page for what they become, one page for going back, scratch.
const SRC = 0;
const DST = BATCH * pageSize;
const BACK = DST + BATCH * slot;
const SCRATCH = BACK + pageSize;
// Behind that the tables of inflate, which nobody else may touch.
const memory = createWasmMemory(SCRATCH + (1 << 20) + (1 << 16));
const bytes = Buffer.from(memory.buffer);
const lengths = new Uint32Array(BATCH);

/**
 * For each batch, which is copied to SRC, times encode(i) for its pages, which returns the compressed length, and then
 * decode(i), which returns that of the page. Adds up the least times of the batches; what interrupts a batch in one round
 * does not in another.
 */
function measure(name, encodePage, decodePage, check = () => true) {
  const batches = Math.ceil(count / BATCH);
  const encode = new Float64Array(batches).fill(Number.POSITIVE_INFINITY);
  const back = encode.slice();
  let size = 0;
  for (let round = 0; round < rounds; round++) {
    for (let batch = 0; batch < batches; batch++) {
      const n = Math.min(BATCH, count - batch * BATCH);
      const first = batch * BATCH * pageSize;
      data.copy(bytes, SRC, first, first + n * pageSize);
      let start = now();
      for (let i = 0; i < n; i++) lengths[i] = encodePage(i);
      encode[batch] = Math.min(encode[batch], now() - start);
      start = now();
      for (let i = 0; i < n; i++) {
        if (decodePage(i) !== pageSize) throw new Error(`${name}: page ${i} does not come back`);
      }
      back[batch] = Math.min(back[batch], now() - start);
      if (round > 0) continue;
      for (let i = 0; i < n; i++) {
        size += lengths[i];
        if (!check(i, first + i * pageSize)) throw new Error(`${name}: page ${batch * BATCH + i} comes back changed`);
      }
    }
  }
  const sum = (times) => times.reduce((a, b) => a + b, 0);
  return { encode: sum(encode), back: sum(back), size };
}

/** A kernel of ours; `decode(page)` must leave the page at BACK. */
function kernelRow(name, decode) {
  const kernel = loadEncodeModule(name, memory);
  if (kernel.scratchSize() > 1 << 20) throw new Error(`${name} wants ${kernel.scratchSize()} bytes of scratch`);
  return measure(
    name,
    (i) => kernel.compress(SRC + i * pageSize, pageSize, DST + i * slot, slot, SCRATCH),
    decode,
    (i, at) => decode(i) === pageSize && bytes.compare(data, at, at + pageSize, BACK, BACK + pageSize) === 0,
  );
}

function kernelDecoder(name) {
  const kernel = loadDecodeModule(name, memory);
  return (i) => kernel.decompress(DST + i * slot, lengths[i], BACK, pageSize);
}

/** A function of JavaScript that returns new buffers. */
function functionRow(name, encodePage, decodePage) {
  const out = new Array(BATCH);
  return measure(
    name,
    (i) => {
      out[i] = encodePage(bytes.subarray(SRC + i * pageSize, SRC + (i + 1) * pageSize));
      return out[i].length;
    },
    (i) => decodePage(out[i]).length,
  );
}

/** What the C libraries give, by codec letter; empty without a compiler. */
function cRows() {
  const folder = mkdtempSync(join(tmpdir(), "coresieve-bench-"));
  const found = {};
  try {
    const pages = join(folder, "pages");
    writeFileSync(pages, data);
    const source = fileURLToPath(new URL("modules.c", import.meta.url));
    const libraries = {
      l: ["-DLZO", "-l:liblzo2.so.2"],
      s: ["-DSNAPPY", "-l:libsnappy.so.1"],
      z: ["-DZLIB", "-l:libz.so.1"],
      r: ["-DZLIB", "-l:libz.so.1"],
    };
    for (const [codec, flags] of Object.entries(libraries)) {
      if (values.only && !values.only.includes(codec === "r" ? "z" : codec)) continue;
      const program = join(folder, codec);
      try {
        execFileSync("cc", ["-O2", "-o", program, source, ...flags], { stdio: "pipe" });
        const text = execFileSync(program, [pages, String(pageSize), codec, String(rounds)], { encoding: "utf8" });
        const [encode, back, size] = text.trim().split(" ").map(Number);
        found[codec] = { encode, back, size };
      } catch (error) {
        console.error(`no C figures for ${flags[0].slice(2)}: ${String(error).split("\n")[0]}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return found;
}

/** Nanoseconds a page of the zero test: a batch of these pages, none of which is zero, and one of zero pages. */
function zeroRow() {
  const { zeroMap } = loadEncodeModule("zero", memory);
  const n = Math.min(BATCH, count);
  const least = () => {
    let found = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 100 * rounds; round++) {
      const start = now();
      zeroMap(SRC, pageSize, n, SCRATCH);
      found = Math.min(found, now() - start);
    }
    return found / n;
  };
  data.copy(bytes, SRC, 0, n * pageSize);
  const live = least();
  bytes.fill(0, SRC, SRC + n * pageSize);
  return `zero test: ${live.toFixed(0)} ns a page that is not zero, ${least().toFixed(0)} ns a zero page`;
}

const rows = [];
function add(name, row, reference) {
  const mbs = (ns) => (data.length * 1000) / ns;
  const percent = (a, b) => (reference ? `${((100 * b) / a).toFixed(0)} %` : "");
  rows.push({
    codec: name,
    "compress MB/s": mbs(row.encode).toFixed(0),
    "of C": percent(row.encode, reference?.encode),
    "decompress MB/s": mbs(row.back).toFixed(0),
    "of C ": percent(row.back, reference?.back),
    ratio: (row.size / data.length).toFixed(4),
    "size/C": reference ? (row.size / reference.size).toFixed(4) : "",
  });
}

console.log(`${file}: ${count} pages of ${pageSize} bytes, none all zero`);
const c = cRows();
const want = (letter) => !values.only || values.only.includes(letter);
if (want("l")) {
  if (c.l) add("C liblzo2 lzo1x_1", c.l);
  add("coresieve lzo", kernelRow("lzo", kernelDecoder("lzo")), c.l);
}
if (want("s")) {
  if (c.s) add("C libsnappy", c.s);
  add("coresieve snappy", kernelRow("snappy", kernelDecoder("snappy")), c.s);
  const snappy = await import("snappy");
  add(
    "npm snappy",
    functionRow(
      "npm snappy",
      (page) => snappy.compressSync(page),
      (page) => snappy.uncompressSync(page),
    ),
    c.s,
  );
}
if (want("z")) {
  if (c.z) add("C zlib compress2 level 1", c.z);
  // The reference: makedumpfile keeps its state, too.
  if (c.r) add("C zlib deflateReset level 1", c.r);
  const inflate = loadDecodeModule("inflate", memory);
  const tables = SCRATCH + (1 << 20);
  const inflatePage = (i) => inflate.decompress(DST + i * slot, lengths[i], BACK, pageSize, tables);
  add("coresieve deflate", kernelRow("deflate", inflatePage), c.r);
  add(
    "node deflateSync level 1",
    functionRow(
      "node deflateSync",
      (page) => deflateSync(page, { level: 1 }),
      (page) => inflateSync(page),
    ),
    c.r,
  );
}
console.table(rows);
console.log(zeroRow());
