import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { forEachRun } from "../../dist/reader/bitmap.js";

/** By codec: what the C compiler is told. Development packages may be missing, so libraries are named by file. */
const FLAGS = {
  none: [],
  zlib: ["-DZLIB", "-l:libz.so.1"],
  lzo: ["-DLZO", "-l:liblzo2.so.2"],
  snappy: ["-DSNAPPY", "-l:libsnappy.so.1"],
  zstd: ["-DZSTD", "-l:libzstd.so.1"],
};

/** Builds the C loop for a codec. Returns the program's path, or why there is none. */
export function buildLoop(codec, folder) {
  return buildProgram("pages.c", codec, folder);
}

/** Builds a program of bench/native for a codec. Returns its path, or why there is none. */
export function buildProgram(name, codec, folder) {
  const program = join(folder, `${basename(name, ".c")}-${codec}`);
  const source = fileURLToPath(new URL(`../native/${name}`, import.meta.url));
  try {
    execFileSync(process.env.CC ?? "cc", ["-O2", "-o", program, source, ...FLAGS[codec]], { stdio: "pipe" });
    return { program };
  } catch (error) {
    const said = String(error.stderr ?? "").split("\n")[0] || error.message.split("\n")[0];
    return { missing: `${name} cannot be built: ${said}` };
  }
}

/**
 * Writes the list of the kept pages for the C loop: pairs of a file offset and a number of pages. `dump` is an opened
 * ELF dump, not flattened. Returns how many pages there are, or undefined if pages do not lie in the file as they are.
 */
export function writeRuns(dump, kept, maxMapnr, path) {
  const { image, pageSize } = dump;
  if (image.kind !== "elf" || dump.header.flattened) return undefined;
  const { data } = image;
  const fd = openSync(path, "w", 0o600);
  let pages = 0;
  let batch = [];
  const flush = () => {
    writeSync(fd, new Uint8Array(BigUint64Array.from(batch).buffer));
    batch = [];
  };
  let piece = 0;
  forEachRun(kept, 0, maxMapnr, (start, end) => {
    let pfn = start;
    while (pfn < end) {
      while (piece < data.count && data.end[piece] <= pfn * pageSize) piece++;
      if (piece === data.count) return;
      const from = Math.max(pfn, Math.ceil(data.start[piece] / pageSize));
      const to = Math.min(end, Math.floor(data.end[piece] / pageSize));
      if (to > from) {
        batch.push(BigInt(data.source[piece] + from * pageSize - data.start[piece]), BigInt(to - from));
        pages += to - from;
      }
      pfn = Math.max(to, pfn + 1);
    }
    if (batch.length > 10000) flush();
  });
  flush();
  closeSync(fd);
  return pages;
}

/** The C loop over the pages that are left at this level, as a contestant: it need not find them. */
export function cLoop(program, { files, level, out }, codec, { list, pageSize, head }) {
  return {
    name: codec === "none" ? "C loop, none" : "C loop",
    kind: "loop",
    threads: 1,
    out,
    file: program,
    args: [files[0], out, list, String(pageSize), String(level & 1), String(head)],
  };
}
