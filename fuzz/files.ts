import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemErrorCode } from "../src/errors.js";

const NAME = /^coresieve-fuzz-(\d+)-/;

/** Removes folders of processes that were killed, and of their threads: nobody else does. */
function removeOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(NAME.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is one, too.
    return systemErrorCode(error) !== "ESRCH";
  }
}

removeOrphans();
/** A folder of this thread, removed at its end; of one that is ended by force, when another process begins. */
export const folder = mkdtempSync(join(tmpdir(), `coresieve-fuzz-${process.pid}-`));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The bytes as a file of that name. */
export function asFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
