import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of this process, removed at its end. */
export const folder = mkdtempSync(join(tmpdir(), "coresieve-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The bytes as a file of that name. */
export function asFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
