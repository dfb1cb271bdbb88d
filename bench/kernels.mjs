// Speed and ratio of the codec kernels, page by page, against node:zlib, npm snappy and, where a C compiler is there, the
// C libraries that makedumpfile uses.
//
//   node bench/kernels.mjs [FILE] [--page-size 4096] [--rounds 5] [--max-mib 64] [--skip 0] [--only lsz]
//
// FILE is cut into pages from offset --skip on (an ELF dump has its pages behind its headers) and all-zero pages are left out; without one it is the node binary itself. MB/s are 10^6 bytes of
// pages per second of CPU time, of the fastest round: on a busy machine trust them within one run only, and best the
// ratios. Needs `npm run build`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { deflateSync, inflateSync } from "node:zlib";
import { loadKernel as loadDecoder } from "../dist/reader/kernels/load.js";
import { createKernelMemory, loadKernel as loadEncoder } from "../dist/worker/kernels/load.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "page-size": { type: "string", default: "4096" },
    rounds: { type: "string", default: "5" },
    skip: { type: "string", default: "0" },
    "max-mib": { type: "string", default: "64" },
    only: { type: "string", default: "" },
  },
});
const pageSize = Number(values["page-size"]);
const rounds = Number(values.rounds);
const file = positionals[0] ?? process.execPath;

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
  let at = Number(values.skip);
  for (let total = 0; total < limit; at += pageSize) {
    const page = Buffer.alloc(pageSize);
    if (readSync(fd, page, 0, pageSize, at) < pageSize) break;
    if (page.equals(zero)) continue;
    pages.push(page);
    total += pageSize;
  }
  return Buffer.concat(pages);
}

const data = readPages(Number(values["max-mib"]) << 20);
const count = data.length / pageSize;
const slot = pageSize + (pageSize >> 1) + 1024;

// Memory: pages, one slot a page for what they become, one page for going back, scratch.
const SRC = 0;
const DST = data.length;
const BACK = DST + count * slot;
const SCRATCH = BACK + pageSize;
// Behind that the tables of inflate, which nobody else may touch.
const memory = createKernelMemory(SCRATCH + (1 << 20) + (1 << 16));
const bytes = Buffer.from(memory.buffer);
bytes.set(data, SRC);
const lengths = new Uint32Array(count);

function best(run) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const start = now();
    run();
    least = Math.min(least, now() - start);
  }
  return least;
}

/** A kernel of ours; `decode(page)` must leave the page at BACK. */
function kernelRow(name, decode) {
  const kernel = loadEncoder(name, memory);
  if (kernel.scratchSize() > 1 << 20) throw new Error(`${name} wants ${kernel.scratchSize()} bytes of scratch`);
  const encode = best(() => {
    for (let i = 0; i < count; i++) {
      lengths[i] = kernel.compress(SRC + i * pageSize, pageSize, DST + i * slot, slot, SCRATCH);
    }
  });
  const run = () => {
    for (let i = 0; i < count; i++) {
      if (decode(i) !== pageSize) throw new Error(`${name}: page ${i} does not come back`);
    }
  };
  const back = best(run);
  for (let i = 0; i < count; i++) {
    decode(i);
    if (bytes.compare(data, i * pageSize, (i + 1) * pageSize, BACK, BACK + pageSize) !== 0) {
      throw new Error(`${name}: page ${i} comes back changed`);
    }
  }
  return { encode, back, size: lengths.reduce((a, b) => a + b, 0) };
}

function kernelDecoder(name) {
  const kernel = loadDecoder(name, memory);
  return (i) => kernel.decompress(DST + i * slot, lengths[i], BACK, pageSize);
}

/** A function of JavaScript that returns new buffers. */
function functionRow(encodePage, decodePage) {
  let out = [];
  const encode = best(() => {
    out = [];
    for (let i = 0; i < count; i++) out.push(encodePage(data.subarray(i * pageSize, (i + 1) * pageSize)));
  });
  const back = best(() => {
    for (const page of out) decodePage(page);
  });
  return { encode, back, size: out.reduce((sum, page) => sum + page.length, 0) };
}

/** What the C libraries give, by codec letter; empty without a compiler. */
function cRows() {
  const folder = mkdtempSync(join(tmpdir(), "coresieve-bench-"));
  const found = {};
  try {
    const pages = join(folder, "pages");
    writeFileSync(pages, data);
    const source = fileURLToPath(new URL("kernels.c", import.meta.url));
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

/** Nanoseconds a page of the zero test: these pages, none of which is zero, and as many that are. */
function zeroRow() {
  const { zeroMap } = loadEncoder("zero", memory);
  const map = SCRATCH;
  const live = best(() => zeroMap(SRC, pageSize, count, map)) / count;
  bytes.fill(0, DST, DST + data.length);
  const zero = best(() => zeroMap(DST, pageSize, count, map)) / count;
  return `zero test: ${live.toFixed(0)} ns a page that is not zero, ${zero.toFixed(0)} ns a zero page`;
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
  const inflate = loadDecoder("inflate", memory);
  const tables = SCRATCH + (1 << 20);
  const inflatePage = (i) => inflate.decompress(DST + i * slot, lengths[i], BACK, pageSize, tables);
  add("coresieve deflate", kernelRow("deflate", inflatePage), c.r);
  add(
    "node deflateSync level 1",
    functionRow(
      (page) => deflateSync(page, { level: 1 }),
      (page) => inflateSync(page),
    ),
    c.r,
  );
}
console.table(rows);
console.log(zeroRow());
