import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CodecName } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { distUrl, isSingleExecutable } from "../program-files.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import type { ContestantKind, Reference } from "./bench-result.js";
import type { ProgramCall } from "./run-program.js";

/** A program that filters the dump into `out`. */
export interface Contestant extends ProgramCall {
  readonly name: string;
  readonly kind: ContestantKind;
  readonly threads: number;
  readonly out: string;
}

/** The work of both programs. */
export interface Work {
  readonly files: readonly string[];
  /** coresieve's options about the input. */
  readonly inputArgs: readonly string[];
  readonly level: number;
  readonly codec: CodecName;
  readonly out: string;
}

/** Both programs use the same letters. */
const LETTERS: Readonly<Record<CodecName, readonly string[]>> = {
  none: [],
  zlib: ["-c"],
  lzo: ["-l"],
  snappy: ["-p"],
  zstd: ["-z"],
};

/** Reads version and codecs of a makedumpfile. Throws `NOT_READABLE` if there is no such program. */
export function findMakedumpfile(program: string): Reference {
  const { stdout, error } = spawnSync(program, ["-v"], { encoding: "utf8" });
  if (error) {
    throw new DumpError("NOT_READABLE", `cannot be run: ${describeSystemError(error)}`, {
      file: program,
      cure: "Install makedumpfile, name the program (--against /PATH/makedumpfile), or leave out --against",
      cause: error,
    });
  }
  const has = (codec: string) => new RegExp(`^${codec}\\s+enabled`, "m").test(stdout);
  const version = /version (\S+)/.exec(stdout)?.[1] ?? "unknown";
  return { program, version, codecs: ["none", "zlib", ...["lzo", "snappy", "zstd"].filter(has)] };
}

export function makedumpfile({ program }: Reference, work: Work, threads: number): Contestant {
  const many = threads > 1 ? ["--num-threads", String(threads)] : [];
  return {
    name: threads > 1 ? `makedumpfile --num-threads ${threads}` : "makedumpfile",
    kind: "makedumpfile",
    threads,
    out: work.out,
    file: program,
    args: [...LETTERS[work.codec], "-d", String(work.level), ...many, ...work.files, work.out],
  };
}

export function coresieve(work: Work, workers: number): Contestant {
  const options = [...LETTERS[work.codec], "-d", String(work.level), "--num-threads", String(workers)];
  return {
    name: `coresieve, ${workers} worker${workers > 1 ? "s" : ""}`,
    kind: "coresieve",
    threads: workers,
    out: work.out,
    file: process.execPath,
    args: [
      ...(isSingleExecutable() ? [] : [fileURLToPath(distUrl("cli/main.js", import.meta.url))]),
      ...[...options, ...work.inputArgs, "--quiet", "--", ...work.files, work.out],
    ],
  };
}
