import { DumpError } from "../errors.js";

/**
 * The error for a missing file that the user may have meant as the output: with `-F` there is none. Other errors are
 * returned unchanged.
 */
export function mistakenFile(error: unknown, inputs: readonly string[], flatten: boolean): unknown {
  if (!(error instanceof DumpError) || error.code !== "NOT_READABLE" || error.systemError !== "ENOENT") return error;
  const { file } = error;
  if (file === undefined) return error;
  if (!flatten || inputs.length === 1 || file !== inputs.at(-1)) return error;
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
