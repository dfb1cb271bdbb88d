/** The preloaded shim: compiling it, what it is told, what it notes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const CALLS = ["read", "write", "open", "close", "rename", "link", "unlink", "truncate", "sync", "map"] as const;
export type Call = (typeof CALLS)[number];

/** One thing that goes wrong: the `nth` call of a kind for a file, and `times` - 1 behind it. */
export interface CallFault {
  readonly call: Call;
  /** The path below the run's folder, with # for hexadecimal digits; or stdin, stdout, memory. */
  readonly file: string;
  readonly what: string;
  readonly nth: number;
  readonly times: number;
}

const ERRNO: Readonly<Record<string, number>> = {
  ...{ EPERM: 1, EINTR: 4, EIO: 5, ENOMEM: 12, EACCES: 13, EBUSY: 16, EMFILE: 24 },
  ...{ EFBIG: 27, ENOSPC: 28, EROFS: 30, EDQUOT: 122 },
};

/** Compiles the shim into `folder`; undefined where there is no gcc, or no Linux. */
export function compileShim(root: string, folder: string): string | undefined {
  if (process.platform !== "linux") return undefined;
  mkdirSync(folder, { recursive: true });
  const library = join(folder, "fault-shim.so");
  try {
    const source = join(root, "fuzz/faults/calls/shim.c");
    execFileSync("gcc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], { stdio: "pipe" });
    return library;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The environment of a run in `folder`; without a fault every call is noted. */
export function shimEnvironment(library: string, folder: string, log: string, fault?: CallFault): NodeJS.ProcessEnv {
  const wanted =
    fault === undefined
      ? {}
      : {
          ...{
            FAULT_CALL: fault.call,
            FAULT_FILE: fault.file,
            FAULT_NTH: `${fault.nth}`,
            FAULT_TIMES: `${fault.times}`,
          },
          FAULT_WHAT: `${ERRNO[fault.what] ?? fault.what}`,
        };
  return { LD_PRELOAD: library, FAULT_ROOT: folder, FAULT_LOG: log, ...wanted };
}

/** How often each call was made for each file: "read in/dump" and a count. */
export function callsNoted(log: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(log, "utf8").split("\n")) {
    if (line !== "") counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return counts;
}

/** How often the fault happened. */
export function hitsNoted(log: string): number {
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("hit ")).length;
}
