/** Running many small programs whose ends are looked at: one process for all of them, as most of what each takes is its start. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const runner = fileURLToPath(new URL("run-programs.mjs", import.meta.url));

interface ProgramEnd {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs [path, ...words] each, in this order. */
export function runPrograms(commands: readonly (readonly string[])[]): readonly ProgramEnd[] {
  return JSON.parse(execFileSync(process.execPath, [runner], { input: JSON.stringify(commands), encoding: "utf8" }));
}
