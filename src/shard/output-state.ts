import { statSync } from "node:fs";
import { dirname } from "node:path";
import { isStorePath, parseStorePath } from "../store/store-url.js";

/** The state of the output of a finished run: `unknown` if this host cannot see the place. */
export type OutputState = "there" | "gone" | "other" | "unknown";

/**
 * Checks an output that was `bytes` long when it was made; if it has another length, it is another file. Throws
 * `NOT_READABLE` if a store does not answer.
 */
export async function outputState(output: string, bytes: number | undefined): Promise<OutputState> {
  const size = isStorePath(output) ? await objectSize(output) : fileSize(output);
  if (size === "gone" || size === "unknown") return size;
  return bytes === undefined || bytes === size ? "there" : "other";
}

async function objectSize(output: string): Promise<number | "gone" | "unknown"> {
  const { openStore } = await import("../store/open-store.js");
  const store = openStore();
  try {
    const found = await store.head(parseStorePath(output));
    return found === undefined ? "gone" : (found.size ?? "unknown");
  } finally {
    await store.close();
  }
}

/** If the share is not mounted here, nothing is known about its files. */
function fileSize(output: string): number | "gone" | "unknown" {
  try {
    const found = statSync(output, { throwIfNoEntry: false });
    if (found !== undefined) return found.isFile() ? found.size : "unknown";
    return statSync(dirname(output), { throwIfNoEntry: false })?.isDirectory() === true ? "gone" : "unknown";
  } catch {
    return "unknown";
  }
}
