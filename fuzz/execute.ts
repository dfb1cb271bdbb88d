import { DumpError } from "../src/errors.js";
import type { FuzzTarget } from "./target.js";

/** What was wrong with a run, or nothing. `key` is the same for all inputs that show the same fault. */
export interface Finding {
  readonly key: string;
  readonly what: string;
}

/** Codes that stand for a fault of the program's own. */
const FAULTS: ReadonlySet<string> = new Set(["WORKER_FAILED"]);

/** Reads one input. */
export async function execute(target: FuzzTarget, input: Uint8Array): Promise<Finding | undefined> {
  try {
    const pending = target.run(input);
    if (pending !== undefined) await pending;
    return undefined;
  } catch (error) {
    if (error instanceof DumpError && !FAULTS.has(error.code)) {
      return error.message.includes("\n")
        ? { key: "lines", what: `a message of several lines: ${error.message}` }
        : undefined;
    }
    return describe(error);
  }
}

function describe(error: unknown): Finding {
  if (!(error instanceof Error)) return { key: String(error), what: `thrown: ${String(error)}` };
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "))
    .map((line) => /at (?:async )?([\w.#$<>]+)/.exec(line)?.[1] ?? "")
    .slice(0, 3);
  const message = error.message.split("\n")[0] ?? "";
  return {
    key: `${error.name} ${message.replace(/[0-9a-fx]*\d[0-9a-fx]*/g, "N").slice(0, 60)} ${frames.join(" ")}`,
    what: `${error.name}: ${message.slice(0, 200)} (${frames.join(" < ")})`,
  };
}
