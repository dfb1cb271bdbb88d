import { readFileSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { DumpError, MORE_FILES, memoryError, opensNoMore, systemErrorCode } from "./errors.js";
import { OPTION } from "./option-words.js";

/** Addresses that V8 reserves for each WebAssembly memory, whatever its size: 8 GiB and 2 GiB of guards. */
const WASM_ADDRESSES = 10 * 2 ** 30;

/**
 * The error as a `DumpError`, if neither the dump nor this program is at fault but their surroundings: no more memory,
 * no more open files, a working directory that is gone. Also looks at causes of causes.
 */
export function surroundingsError(error: unknown): DumpError | undefined {
  const memory = memoryError(error);
  if (memory !== undefined) return memory;
  if (opensNoMore(error)) {
    return new DumpError("SYSTEM_LIMIT", "this process has reached the limit of open files", {
      cure: MORE_FILES,
      cause: error,
    });
  }
  const { code, syscall } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  if (code === "ENOENT" && syscall === "uv_cwd") return directoryGone(error);
  return undefined;
}

/** The same for a thread that could not start: its error may have lost its code on the way. */
export function threadSurroundingsError(error: unknown): DumpError | undefined {
  const known = surroundingsError(error);
  if (known !== undefined) return known;
  // Node passes on only the name of the system's error, in its message: EMFILE, EAGAIN (processes) and ENOMEM were
  // seen.
  if (systemErrorCode(error) === "ERR_WORKER_INIT_FAILED") {
    const what = `no thread can be started: ${(error as Error).message}`;
    return new DumpError("SYSTEM_LIMIT", what, {
      cure: `Raise the limits of open files and of processes (\`ulimit -n 1024\`, \`ulimit -u unlimited\`), or use fewer threads (${OPTION.threads})`,
      cause: error,
    });
  }
  // An extension may be denied other things.
  if ((error as { readonly permission?: unknown } | undefined)?.permission === "WorkerThreads") {
    return new DumpError("SYSTEM_LIMIT", "no thread can be started: Node's --permission does not allow it", {
      cure: "Add --allow-worker to Node's options",
      cause: error,
    });
  }
  return hasDirectory() ? undefined : directoryGone(error);
}

/** The same for a name relative to the working directory, if that directory is gone: the name is not at fault. */
export function lostDirectory(path: string, error: unknown): DumpError | undefined {
  if (systemErrorCode(error) !== "ENOENT" || isAbsolute(path) || hasDirectory()) return undefined;
  return directoryGone(error).with({ file: path });
}

function hasDirectory(): boolean {
  try {
    realpathSync.native(".");
    return true;
  } catch {
    return false;
  }
}

function directoryGone(cause: unknown): DumpError {
  return new DumpError("NOT_READABLE", "the working directory does not exist any more", {
    cure: "Go to one that exists: `cd /`",
    cause,
  });
}

/**
 * Checks whether threads can start at all: a thread that gets no memory for its own heap ends the whole process without
 * a useful message. Takes one read of 1 KiB. Throws `NO_MEMORY`, `UNSUPPORTED`.
 */
export function checkThreadsCanStart(): void {
  if (!("WebAssembly" in globalThis)) {
    throw new DumpError("UNSUPPORTED", "Node.js runs without WebAssembly here, which coresieve needs", {
      cure: "Remove --jitless from NODE_OPTIONS and from the command line",
    });
  }
  const most = addressSpaceLimit();
  if (most === undefined || most >= WASM_ADDRESSES) return;
  const what = `the address space of this process is limited to ${Math.floor(most / 2 ** 20)} MiB, and Node.js needs 10 GiB of addresses for each thread`;
  throw new DumpError("NO_MEMORY", what, {
    cure: "Remove that limit (`ulimit -v unlimited`); a control group limits memory itself",
  });
}

/** The limit of `ulimit -v` in bytes; `undefined` if there is none or it is not known. */
function addressSpaceLimit(): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const [, bytes] = /^Max address space +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}
