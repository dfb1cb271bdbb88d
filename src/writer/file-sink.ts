import { type BigIntStats, fstatSync, lstatSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DumpError } from "../errors.js";
import { OPTION, unnamedPlace } from "../option-words.js";
import { STDIN, STDIN_NAME } from "../reader/source/stream-input.js";
import type { Warnings } from "../warnings.js";
import { beingNamed, namingFile } from "./naming-turn.js";
import { cannotBeCreated, checkReplaceable, outputFile } from "./output-path.js";
import { type NamingOptions, PartialFile } from "./partial-file.js";
import type { Sink } from "./sink.js";
import { mayBeSwapped } from "./swapped-names.js";

export interface FileSinkOptions {
  /** Whether to replace an existing file; for a symbolic link, the file that it leads to. */
  readonly force: boolean;
  /** The input files: none of them may be the output. */
  readonly inputs: readonly string[];
  /** Whether to wait until the disk has the file before it gets its name, and then until the disk has the name. */
  readonly sync?: boolean;
  /** Receives what is to be said about an output that came into being all the same. */
  readonly warnings?: Warnings | undefined;
  /** See `NamingOptions`. */
  readonly onNamed?: NamingOptions["onNamed"];
}

/**
 * A file that appears under its name only when it is complete. Until then it has another name in the same folder; it is
 * created exclusively, and only its owner can read it, because dumps contain everybody's secrets. Throws
 * `OUTPUT_EXISTS`, `NOT_WRITABLE`, `NO_SPACE`.
 */
export function createFileSink(path: string, options: FileSinkOptions): Sink {
  const { force, sync = false, onNamed } = options;
  const target = outputFile(path);
  checkTarget(path, target, options);
  const file = new PartialFile(target, path);
  return {
    name: path,
    write: (bytes, offset) => file.write(bytes, offset),
    async finish(size) {
      file.finish(size, { force, sync, onNamed });
      return undefined;
    },
    async abort() {
      file.discard();
    },
    leftBehind: () => file.leftBehind(),
  };
}

/** A file that is complete before it gets its name, so that its content can be checked first. */
export interface HeldFile {
  /** Writes to the file. `finish` sets its length but does not name it. */
  readonly sink: Sink;
  /** A path to the file until it appears. */
  path(): string;
  /** Gives the file its name. Throws what `finish` of a file's sink throws. */
  appear(): void;
}

/**
 * Opens a file that waits for its name. `shown`: the name in messages, if it is another one. Throws what
 * `createFileSink` throws.
 */
export function createHeldFile(path: string, options: FileSinkOptions, shown: string = path): HeldFile {
  const { force, sync = false } = options;
  const target = outputFile(path);
  checkTarget(path, target, options);
  const file = new PartialFile(target, shown);
  let length = 0;
  return {
    sink: {
      name: shown,
      write: (bytes, offset) => file.write(bytes, offset),
      async finish(size) {
        length = size;
        file.cut(size);
        return undefined;
      },
      async abort() {
        file.discard();
      },
      leftBehind: () => file.leftBehind(),
    },
    path: () => file.partialPath(),
    appear: () => file.finish(length, { force, sync }),
  };
}

function checkTarget(path: string, target: string, { force, inputs }: FileSinkOptions): void {
  const there = statIfThere(target);
  if (there === undefined) {
    const naming = namingFile(basename(target));
    if (!force && statIfThere(join(dirname(target), naming)) !== undefined) {
      throw beingNamed(path, unnamedPlace(join(dirname(path), naming), naming));
    }
    if (!force && target !== path && lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw new DumpError(
        "OUTPUT_EXISTS",
        `is a symbolic link to ${unnamedPlace(target, "a file")}, which does not exist`,
        {
          file: path,
          cure: `Use ${OPTION.force} to write the file that it leads to, or name another file`,
        },
      );
    }
    return;
  }
  if (inputs.flatMap(filesOfInput).some((input) => sameFile(input, there))) {
    throw new DumpError("OUTPUT_EXISTS", "is the input itself", {
      file: path,
      cure: "Name another file for the output",
    });
  }
  if (!there.isFile()) {
    throw new DumpError("OUTPUT_EXISTS", `is ${kindOf(there)}; the output must be a file`, {
      file: path,
      cure: `Name a file that does not exist yet, or write to ${OPTION.stdoutOnly}`,
    });
  }
  if (!force) {
    // If input and output were named the wrong way round, advice to overwrite would destroy the dump.
    const named = inputs.map((input) => ({ path: input, stats: statIfThere(input) }));
    const isSwapped = mayBeSwapped(named, { path: target, stats: there });
    throw new DumpError("OUTPUT_EXISTS", "exists already", {
      file: path,
      cure: isSwapped
        ? `It is larger than the input: if it is the dump, the two were swapped; if not, use ${OPTION.force} to overwrite it`
        : `Use ${OPTION.force} to overwrite it, or name another file`,
    });
  }
  checkReplaceable(path, target, Number(there.uid));
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}

/** Uses bigints, because file numbers of Windows are above the safe integers. */
function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false, bigint: true });
  } catch (error) {
    throw cannotBeCreated(path, error);
  }
}

/** The files that an input may be: a dump of stdin is called "stdin", and a file may have that name, too. */
function filesOfInput(input: string): (BigIntStats | undefined)[] {
  if (input === STDIN) return [statStdin()];
  return input === STDIN_NAME ? [statStdin(), statIfThere(input)] : [statIfThere(input)];
}

/** The file that stdin leads to (`< FILE`). */
function statStdin(): BigIntStats | undefined {
  try {
    return fstatSync(0, { bigint: true });
  } catch {
    // It is closed, so nothing is read there.
    return undefined;
  }
}

function sameFile(a: BigIntStats | undefined, b: BigIntStats): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino;
}
