import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const MAKEDUMPFILE = process.env.MAKEDUMPFILE ?? "makedumpfile";
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const LETTERS = { none: [], zlib: ["-c"], lzo: ["-l"], snappy: ["-p"], zstd: ["-z"] };

/** The version of makedumpfile and its codecs; undefined without one. Asked for a codec it lacks, it compresses nothing. */
export function findMakedumpfile() {
  const { stdout, error } = spawnSync(MAKEDUMPFILE, ["-v"], { encoding: "utf8" });
  if (error) return undefined;
  const has = (codec) => new RegExp(`^${codec}\\s+enabled`, "m").test(stdout);
  const version = /version (\S+)/.exec(stdout)?.[1] ?? "unknown";
  return { version, codecs: ["none", "zlib", ...["lzo", "snappy", "zstd"].filter(has)] };
}

export function makedumpfile(dump, level, codec, threads, out) {
  const many = threads > 1 ? ["--num-threads", String(threads)] : [];
  return {
    name: threads > 1 ? `makedumpfile --num-threads ${threads}` : "makedumpfile",
    kind: "makedumpfile",
    threads,
    out,
    file: MAKEDUMPFILE,
    args: [...LETTERS[codec], "-d", String(level), ...many, dump, out],
  };
}

export function coresieve(dump, level, codec, workers, out) {
  return {
    name: `coresieve, ${workers} worker${workers > 1 ? "s" : ""}`,
    kind: "coresieve",
    threads: workers,
    out,
    file: process.execPath,
    args: [MAIN, dump, out, ...LETTERS[codec], "-d", String(level), "--num-threads", String(workers)],
  };
}

/** The C loop over the pages that are left at this level: it need not find them. */
export function cLoop(program, dump, level, codec, { list, pageSize, head }, out) {
  return {
    name: codec === "none" ? "C loop, none" : "C loop",
    kind: "loop",
    threads: 1,
    out,
    file: program,
    args: [dump, out, list, String(pageSize), String(level & 1), String(head)],
  };
}
