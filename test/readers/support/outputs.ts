/** Making outputs with the command line under test, each once per test file, in a folder that goes with the file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { realDump } from "../../support/dumps.js";
import { runWell } from "./run.js";

/** The codecs by name, with makedumpfile's letter for each. */
export const codecs = {
  none: ["--compress", "none"],
  zlib: ["-c"],
  lzo: ["-l"],
  snappy: ["-p"],
  zstd: ["-z"],
} as const;

/** The name of a codec. */
export type Codec = keyof typeof codecs;

/** An output: which dump, how much of it, in which form. */
export interface Wanted {
  /** The name of a real dump, or the path of an input. */
  readonly dump: string;
  readonly level: number;
  /** A codec for kdump-compressed output, or "elf". */
  readonly form: Codec | "elf";
  /** Flattened, as it comes out of standard output. */
  readonly flattened?: boolean;
  /** More options. */
  readonly options?: readonly string[];
  /** Equal pages share one copy. */
  readonly dedupe?: boolean;
}

/** Outputs with a title each, for `test.each(...)("%s", ...)`. */
export function titled(wanted: readonly Wanted[]): [string, Wanted][] {
  return wanted.map((one) => [
    `${one.dump}, level ${one.level}, ${one.form}${one.dedupe ? ", equal pages once" : ""}`,
    one,
  ]);
}

const { CORESIEVE_BIN } = process.env;

/**
 * The program under test: the built command line, or another one named by CORESIEVE_BIN. These checks were themselves
 * tried on makedumpfile's outputs that way.
 */
const program = CORESIEVE_BIN ?? fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

/** The outputs of one test file. */
export class Outputs {
  readonly folder = mkdtempSync(join(tmpdir(), "coresieve-readers-"));
  readonly #made = new Map<string, Promise<string>>();

  /** The path of an output, made when it is first wanted. */
  make(wanted: Wanted): Promise<string> {
    const key = JSON.stringify([
      wanted.dump,
      wanted.level,
      wanted.form,
      wanted.flattened ?? false,
      wanted.dedupe ?? false,
      wanted.options ?? [],
    ]);
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#filter(wanted, join(this.folder, `${this.#made.size}.${wanted.form}`));
      this.#made.set(key, made);
    }
    return made;
  }

  /** A fresh path in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Removes all outputs. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #filter(wanted: Wanted, output: string): Promise<string> {
    const input = wanted.dump.includes("/") ? wanted.dump : (await realDump(wanted.dump)).vmcore;
    const form = wanted.form === "elf" ? ["-E"] : codecs[wanted.form];
    const options = [
      "-d",
      String(wanted.level),
      ...form,
      ...(wanted.dedupe ? ["--dedupe"] : []),
      ...(wanted.options ?? []),
    ];
    if (wanted.flattened) {
      await runWell(process.execPath, [program, input, "-F", ...options], { stdoutFile: output });
    } else {
      await runWell(process.execPath, [program, input, output, ...options]);
    }
    return output;
  }
}
