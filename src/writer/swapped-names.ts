import { type BigIntStats, closeSync, constants, openSync } from "node:fs";
import { HEAD_SIZE } from "../reader/format.js";
import { isDumpHead } from "../reader/open-sources.js";
import { readFully } from "../reader/source/full-io.js";

/** A name and what the system says of the file. */
interface NamedFile {
  readonly path: string;
  readonly stats: BigIntStats | undefined;
}

/**
 * Whether a dump and its output may have been named the wrong way round: both begin like a dump, and the one to be
 * overwritten is larger. A packed input is smaller than its output anyway, a pipe has no size, and `reassemble` has
 * several inputs, each smaller than the output.
 */
export function mayBeSwapped(inputs: readonly NamedFile[], output: Required<NamedFile>): boolean {
  const [input] = inputs;
  if (inputs.length !== 1 || input?.stats?.isFile() !== true || output.stats === undefined) return false;
  if (input.stats.size === 0n || input.stats.size >= output.stats.size) return false;
  return [input, output].every(({ path }) => beginsLikeDump(path));
}

function beginsLikeDump(path: string): boolean {
  try {
    const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const head = new Uint8Array(HEAD_SIZE);
      return isDumpHead(head.subarray(0, readFully(fd, head, 0)), path);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
