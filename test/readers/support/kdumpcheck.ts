/** Reading a whole output through libkdumpfile, by kdumpcheck.py. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runWell } from "./run.js";
import { systemPython } from "./tools.js";

const script = fileURLToPath(new URL("../kdumpcheck.py", import.meta.url));

/** What kdumpcheck.py says; the lists hold the first few pfns. */
export interface KdumpCheck {
  readonly format: string;
  readonly pageSize: number;
  readonly maxPfn: number;
  /** Pages that could be read, and of those: the same as in the original, and all zeros. */
  readonly read: number;
  readonly same: number;
  readonly zero: number;
  readonly refused: number;
  /** Pages that had to be there, are zeros in the original, and could not be read. */
  readonly absentZero: number;
  /** The pages that could be read, hashed as the golden files do it. */
  readonly sha256: string;
  /** How many facts libkdumpfile found in the original's notes, and which of them the output has otherwise. */
  readonly noteFacts: number;
  readonly noteDifferences: readonly string[];
  readonly uts: Readonly<Record<string, string>>;
  readonly different: readonly number[];
  readonly unknown: readonly number[];
  readonly broken: readonly string[];
  readonly leaked: readonly number[];
  readonly missing: readonly number[];
}

/** The lists of a check in which nothing is wrong. */
export const nothingWrong = { different: [], unknown: [], broken: [], leaked: [], missing: [], noteDifferences: [] };

/** Checks an output; `kept`, for an ELF output, is a bitmap of the pages that have to be in it. */
export async function kdumpCheck(original: string, output: string, kept?: Uint8Array): Promise<KdumpCheck> {
  const args = [script, original, output];
  if (kept !== undefined) {
    const file = `${output}.kept`;
    writeFileSync(file, kept);
    args.push(file);
  }
  const { stdout } = await runWell(systemPython, args);
  return JSON.parse(stdout) as KdumpCheck;
}
