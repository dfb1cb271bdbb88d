import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DumpError } from "../../errors.js";
import { describeSystemError } from "../source/byte-source.js";

/** A FIFO that another program writes a dump to. */
export interface Fifo {
  readonly fifo: string;
  /** Removes the FIFO and its folder. Further calls do nothing. */
  remove(): void;
}

/**
 * Makes a FIFO in a folder with a secret name. The program may run as another user: it can write to the FIFO because it
 * gets the name, and nobody else can read from it. Throws `NOT_READABLE`; `name` is the input's name in messages.
 */
export async function makeFifo(prefix: string, name: string): Promise<Fifo> {
  let folder: string | undefined;
  const remove = () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    folder = mkdtempSync(join(tmpdir(), prefix));
    const fifo = join(folder, "dump");
    await promisify(execFile)("mkfifo", ["-m", "622", fifo]);
    chmodSync(folder, 0o711);
    return { fifo, remove };
  } catch (error) {
    remove();
    throw new DumpError("NOT_READABLE", `needs a FIFO, and none can be made: ${describeSystemError(error)}`, {
      file: name,
      cure: "Install mkfifo (coreutils), or dump the machine to a file",
      cause: error,
    });
  }
}

/**
 * The dump that comes through a FIFO. If the dump is not complete, `ended` rejects. `clean` is called when nobody reads
 * any more. Throws what `ended` throws, and errors of reading, with the name `file`: users do not know the FIFO.
 */
export async function* untilDone(
  chunks: AsyncIterable<Uint8Array>,
  ended: Promise<void>,
  file: string,
  clean: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    try {
      yield* chunks;
    } catch (error) {
      throw error instanceof DumpError ? error.with({ file }) : error;
    }
    await ended;
  } finally {
    clean();
  }
}
