import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type CodecName, codecOf } from "../codec/codecs.js";
import { checkCodec } from "../codec/encoder.js";
import { DumpError, throwIfAborted } from "../errors.js";
import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import { countBits, type PageBitmap, sharedBitmap } from "../reader/bitmap.js";
import { openDump } from "../reader/open.js";
import type { ContestantKind, ProgramComparison, ProgramRun, Reference } from "./bench-result.js";
import { type Contestant, coresieve, makedumpfile, type Work } from "./contestants.js";
import { thisMachine } from "./machine.js";
import { runProgram } from "./run-program.js";

/** How to compare whole programs. */
export interface CompareOptions {
  readonly files: readonly string[];
  readonly inputArgs: readonly string[];
  /** Folder for outputs; each is removed at once. */
  readonly folder: string;
  readonly workers: readonly number[];
  /** Number of measured runs of each program (`runs`), and of uncounted runs before them (`warmUps`). */
  readonly runs: number;
  readonly warmUps: number;
  /** Whether the dump has been read before. */
  readonly cached?: boolean;
  readonly reference: Reference | undefined;
  /** makedumpfile's --num-threads, tried in addition to one thread; 1: not tried. */
  readonly threads: number;
  readonly version: string;
  readonly signal?: AbortSignal;
  /** Further programs, and why others are absent. */
  readonly others?: (work: Work) => { readonly list: readonly Contestant[]; readonly absent: readonly string[] };
  readonly say?: (text: string) => void;
}

/**
 * makedumpfile's threads often make it slower. If they are this many times slower than one thread, they are not
 * measured further.
 */
const TOO_SLOW = 2;
/** If a run takes more seconds than this, it is the last uncounted one: warming up only caches the dump. */
const LONG = 5;
/** For runs that take more seconds than this, a few are enough. */
const TOO_LONG = 120;
const FEW_RUNS = 3;

interface Row {
  readonly name: string;
  readonly kind: ContestantKind;
  readonly threads: number;
  readonly runs: ProgramRun[];
  pages?: number;
  failure?: string;
  /** Seconds of the last run. */
  last: number;
}

/**
 * Runs all programs by turns (A B A B ...) at one level with one codec. If a run takes more than two minutes, there are
 * at most three. Throws `ABORTED`; the error of a single program is in its row.
 */
export async function comparePrograms(
  level: number,
  codec: CodecName,
  options: CompareOptions,
): Promise<ProgramComparison> {
  const { list, absent } = contestantsFor(level, codec, options);
  const rows = list.map(({ name, kind, threads }): Row => ({ name, kind, threads, runs: [], last: 0 }));
  const enough = () => {
    const long = rows.some(({ failure, last }) => failure === undefined && last > TOO_LONG);
    return Math.min(options.runs, long ? FEW_RUNS : options.runs);
  };
  for (let round = -options.warmUps; round < enough(); round++) {
    const warm: (() => void)[] = [];
    for (const [i, contestant] of list.entries()) {
      const row = rows[i] as Row;
      if (row.failure !== undefined) continue;
      const alone = rows[i - 1];
      const limit =
        contestant.kind === "makedumpfile" && contestant.threads > 1 && alone && !alone.failure
          ? alone.last * TOO_SLOW
          : undefined;
      const run = await runOne(contestant, row, limit, options.signal);
      throwIfAborted(options.signal);
      row.last = run.wall;
      if (run.failure === undefined && round >= 0) row.runs.push(run);
      else if (run.failure === undefined) warm.push(() => row.runs.push(run));
      if (run.failure !== undefined) {
        const slow = limit !== undefined && run.wall > limit;
        row.failure = slow ? `given up: it takes more than ${TOO_SLOW} times as long as one thread` : run.failure;
      }
      const what = run.failure ?? `${run.wall.toFixed(2)} s`;
      options.say?.(`level ${level} ${codec} ${round < 0 ? "warm-up" : `run ${round + 1}`}: ${row.name} ${what}`);
    }
    if (round === -1 && options.cached && rows.some(({ last }) => last > LONG)) {
      for (const count of warm) count();
      round++;
    }
  }
  const machine = thisMachine(options.folder, options.version);
  return { level, codec, machine, absent, rows: rows.map(({ last: _, ...row }) => row) };
}

/** Runs one program and removes its output. The output's pages are counted only the first time. */
async function runOne(
  contestant: Contestant,
  row: Row,
  limit: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ProgramRun> {
  try {
    const run = await runProgram(contestant, limit, signal);
    if (run.failure !== undefined) return run;
    if (contestant.kind !== "loop") row.pages ??= outputPages(contestant.out).pages;
    return { ...run, size: statSync(contestant.out).size };
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    return { wall: 0, failure: `its output cannot be opened: ${error.message}` };
  } finally {
    rmSync(contestant.out, { force: true });
  }
}

function contestantsFor(level: number, codec: CodecName, options: CompareOptions) {
  const { files, inputArgs, reference, threads } = options;
  const work: Work = { files, inputArgs, level, codec, out: join(options.folder, "out") };
  const list: Contestant[] = [];
  const absent: string[] = [];
  if (reference?.codecs.includes(codec)) {
    list.push(makedumpfile(reference, work, 1));
    if (threads > 1) list.push(makedumpfile(reference, work, threads));
    else absent.push("makedumpfile --num-threads was left out");
  } else if (reference !== undefined) {
    absent.push(`makedumpfile ${reference.version} here was built without ${codec}`);
    list.push({ ...makedumpfile(reference, { ...work, codec: "none" }, 1), name: "makedumpfile, none" });
  }
  const others = options.others?.(work);
  list.push(...(others?.list ?? []));
  absent.push(...(others?.absent ?? []));
  for (const count of options.workers) list.push(coresieve(work, count));
  return { list, absent };
}

/** The codecs that are installed: zstd may be missing. */
export function codecsHere(names: readonly CodecName[]): CodecName[] {
  return names.filter((name) => {
    try {
      checkCodec(codecOf(name));
      return true;
    } catch (error) {
      if (error instanceof DumpError) return false;
      throw error;
    }
  });
}

/** Pages of an output. */
interface OutputPages {
  readonly kept: PageBitmap;
  readonly maxMapnr: number;
  readonly pages: number;
}

/** The pages of a filtered dump. Zero pages count, although they take no room. Throws what `openDump` throws. */
export function outputPages(path: string): OutputPages {
  const dump = openDump(path);
  try {
    const stretches = stretchesOf(dump.image);
    const exists = sharedBitmap(stretches);
    const kept = sharedBitmap(stretches);
    fillBitmaps(dump.image, { exists, data: kept });
    return { kept, maxMapnr: dump.maxMapnr, pages: countBits(kept, 0, dump.maxMapnr) };
  } finally {
    dump.close();
  }
}
