import { statSync } from "node:fs";
import { DumpError } from "../errors.js";

/**
 * The error for a missing file that the user may have meant as the output: with `-F` there is none, and without it the
 * output is named last. Other errors are returned unchanged.
 */
export function mistakenFile(
  error: unknown,
  inputs: readonly string[],
  output: string | undefined,
  flatten: boolean,
): unknown {
  if (!(error instanceof DumpError) || error.code !== "NOT_READABLE" || error.systemError !== "ENOENT") return error;
  const { file } = error;
  if (file === undefined) return error;
  if (!flatten) return withOrder(error, inputs, output);
  if (inputs.length === 1 || file !== inputs.at(-1)) return error;
  return new DumpError(
    "NOT_READABLE",
    "there is no such file. With -F all files are inputs, and the output is stdout",
    {
      file,
      cure: "Leave out OUT, and send stdout where it should go: `coresieve -F DUMP > OUT`",
      cause: error,
    },
  );
}

/** With the order of names, if that may be what was mistaken: the last one is there, or there are more than two. */
function withOrder(error: DumpError, inputs: readonly string[], output: string | undefined): DumpError {
  // Other cures know more of the name: /proc/vmcore, a URL, a host.
  if (error.cure !== "Check its name") return error;
  if (inputs.length === 1 && !(output !== undefined && isFile(output))) return error;
  return error.with({ cure: "Check its name; the dump is named first, and the output last" });
}

/** False also where the name is wrong: the input is missing anyway, and the error is about that. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
