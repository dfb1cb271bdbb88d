// How fast compressed dumps are read: node bench/decode.mjs --help
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../dist/bench/run-program.js";
import { median } from "../dist/bench/timing.js";
import { countBits, findBit } from "../dist/reader/bitmap.js";
import { openDump } from "../dist/reader/open.js";
import { readPages } from "../dist/reader/physical-memory.js";
import { buildProgram } from "./support/native.mjs";
import { CODECS, list, oneOf, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/decode.mjs DUMP [options]: how fast compressed dumps are read

DUMP is filtered with each codec; all pages of the result are read in order, in
one thread, and the codec's C library decodes the same pages (native/unpack.c):
from memory, and with its reads. With --workers the result is also converted to
an uncompressed one that is thrown away, by whole processes. CPU time: the least
of the rounds for pages, the median for processes. Pages of zeros, which share
their data, are decoded again and again by the loop. Needs npm run build.

  --level N         dump level (default 1)
  --codecs LIST     (default zlib,lzo,snappy,zstd)
  --rounds N        (default 5)
  --workers LIST    numbers of workers, or none for no conversion (default 1,2)
  --folder DIR      where the filtered dumps go (default the system's)
  --help            print this text
`;

const { values, files } = readOptions(
  HELP,
  {
    level: whole(1, 0, 31),
    codecs: list("zlib,lzo,snappy,zstd", oneOf("", CODECS.slice(1))),
    rounds: whole(5, 1),
    workers: {
      ...text("1,2"),
      wants: "numbers or none",
      read: (value) => (value === "none" ? [] : list("", whole(1, 1, 64)).read(value)),
    },
    folder: text(tmpdir()),
  },
  [1, 1],
);
const { rounds } = values;
const folder = mkdtempSync(join(values.folder, "coresieve-decode-"));
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const OPTIONS = { zlib: "-c", lzo: "-l", snappy: "-p", zstd: "-z" };
/** Pages of a read, as a task of a worker has them. */
const AT_ONCE = 512;

/** Offset, size and flags of every page's data. */
function writeList({ image }, path) {
  const { dumped, maxMapnr, parts } = image;
  const fd = openSync(parts[0].source.file.path, "r");
  const bytes = Buffer.alloc(24 * countBits(dumped, 0, maxMapnr));
  readSync(fd, bytes, 0, bytes.length, parts[0].descriptors);
  closeSync(fd);
  const list = [];
  for (let at = 0; at < bytes.length; at += 24) {
    list.push(bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8));
  }
  writeFileSync(path, new Uint8Array(BigUint64Array.from(list).buffer));
}

/** Reads all pages in order; returns the least CPU time of a round in nanoseconds. */
function readAll({ image, memory, pageSize }) {
  const buffer = new Uint8Array(new SharedArrayBuffer(AT_ONCE * pageSize));
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    let pfn = findBit(image.present, 0, image.maxMapnr, true);
    while (pfn < image.maxMapnr) {
      const end = Math.min(findBit(image.present, pfn, image.maxMapnr, false), pfn + AT_ONCE);
      readPages(memory, pfn * pageSize, buffer.subarray(0, (end - pfn) * pageSize));
      pfn = findBit(image.present, end, image.maxMapnr, true);
    }
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, 1000 * (user + system));
  }
  return least;
}

/** Median CPU seconds of converting a dump, with so many workers. */
async function convert(path, workers) {
  const out = join(folder, "out");
  const args = ["filter", "-d", "0", "--num-threads", String(workers), "-q", path, out];
  const runs = [];
  for (let i = 0; i < rounds; i++) {
    const { cpu, failure } = await runProgram({ file: process.execPath, args: [main, ...args], out });
    if (failure) throw new Error(failure);
    runs.push(cpu);
    rmSync(out, { force: true });
  }
  return median(runs);
}

const rows = [];
try {
  for (const codec of values.codecs) {
    const path = join(folder, codec);
    execFileSync(process.execPath, [main, "filter", "-q", "-d", String(values.level), OPTIONS[codec], files[0], path]);
    const dump = openDump(path);
    const list = join(folder, "list");
    writeList(dump, list);
    const { program, missing } = buildProgram("unpack.c", codec, folder);
    if (missing) console.error(missing);
    const c = (reading) => {
      if (!program) return Number.NaN;
      const args = [path, list, String(dump.pageSize), String(rounds), String(reading)];
      return execFileSync(program, args, { encoding: "utf8" }).split(" ").map(Number);
    };
    const [library, pages] = c(0);
    const [loop] = c(1);
    const ours = readAll(dump);
    dump.close();
    const us = (ns) => (ns / pages / 1000).toFixed(2);
    const row = { codec, pages };
    row["C library, us a page"] = us(library);
    row["with its reads"] = us(loop);
    row["coresieve, us a page"] = us(ours);
    row["of the C loop's speed"] = `${((100 * loop) / ours).toFixed(0)} %`;
    for (const workers of values.workers) {
      row[`convert, ${workers} workers: CPU s`] = (await convert(path, workers)).toFixed(2);
    }
    rows.push(row);
    rmSync(path);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
