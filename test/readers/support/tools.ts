/** The programs that read our dumps and are not ours: which package has them, and what happens where one is missing. */
import { spawnSync } from "node:child_process";
import { describe, test } from "vitest";
import { describeWithDumps, mustNotSkip } from "../../support/dumps.js";
import { commandOf, readerEnvironment } from "./run.js";

/** Debian's Python bindings belong to Debian's own Python, which need not be the first one on the PATH. */
export const systemPython = "/usr/bin/python3";

/** Each reader: the Debian package, and a command that works where the reader does. */
const tools = {
  bpftool: { from: "bpftool", probe: ["bpftool", "version"] },
  crash: { from: "crash", probe: ["crash", "--version"] },
  drgn: { from: "python3-drgn", probe: ["drgn", "--version"] },
  gdb: { from: "gdb", probe: ["gdb", "--version"] },
  // gdb itself knows the cores of the machine that it runs on alone.
  "gdb-multiarch": { from: "gdb-multiarch", probe: ["gdb-multiarch", "--version"] },
  libkdumpfile: { from: "python3-libkdumpfile", probe: [systemPython, "-c", "import kdumpfile"] },
  makedumpfile: { from: "makedumpfile", probe: ["makedumpfile", "-v"] },
} as const;

/** The name of a reader. */
export type Tool = keyof typeof tools;

/**
 * `describe` for tests that need real dumps and other programs. Where a program is missing, a local run skips and says
 * which package has it; under CI it fails.
 */
export function describeReader(title: string, needed: readonly Tool[], tests: () => void): void {
  const missing = needed.filter((tool) => !works(tool));
  if (missing.length === 0) {
    describeWithDumps(title, tests);
    return;
  }
  const reason = `missing: ${missing.map((tool) => `${tool} (Debian package ${tools[tool].from})`).join(", ")}`;
  if (mustNotSkip) {
    describe(title, () => {
      test("needs programs that are not here", () => {
        throw new Error(`${reason}, and CI=true`);
      });
    });
    return;
  }
  console.warn(`skipped: ${title}: ${reason}`);
  describe(`${title} (skipped, ${reason})`, () => {
    test.skip(reason, () => {});
  });
}

/** Whether makedumpfile is newer than Debian 12's 1.7.2. */
export function hasNewMakedumpfile(): boolean {
  return versionOf("makedumpfile") !== "1.7.2";
}

/** A log as makedumpfile prints it: 1.7.2 does not print callers of the newer buffer yet. */
export function asMakedumpfile(log: string): string {
  return hasNewMakedumpfile() ? log : log.replaceAll(/^(\[ *\d+\.\d{6}\] )\[ *[TC]\d+\] /gm, "$1");
}

/** "1.7.2": the first number with points that a reader calls itself. */
function versionOf(tool: Tool): string | undefined {
  const [program, ...args] = tools[tool].probe;
  const { stdout, stderr } = spawnSync(...commandOf(program, args), { encoding: "latin1", env: readerEnvironment });
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0];
}

function works(tool: Tool): boolean {
  const [program, ...args] = tools[tool].probe;
  return spawnSync(...commandOf(program, args), { stdio: "ignore", env: readerEnvironment }).status === 0;
}
