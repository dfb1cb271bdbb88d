import { DumpError } from "../errors.js";
import { foreignLines, foreignText } from "../foreign-text.js";
import { packageVersion } from "../package-version.js";
import { surroundingsError } from "../surroundings.js";

/**
 * The line for users about an error. An error that is not a DumpError is a mistake in this program: the line says so,
 * and what to report. With CORESIEVE_DEBUG=1 the stack follows, for that report.
 */
export function explain(error: unknown): string {
  const known = error instanceof DumpError ? error : surroundingsError(error);
  const { CORESIEVE_DEBUG } = process.env;
  const stack = CORESIEVE_DEBUG === "1" && error instanceof Error ? `\n${foreignLines(stackOf(error))}` : "";
  if (known !== undefined) return `${oneLine(known.message)}${stack}`;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `internal error: ${oneLine(what)}. This is a bug in coresieve${version()} (Node ${process.versions.node}), not in the dump or the command: please report it with the command line, what \`coresieve info\` says of the dump, and the stack, which CORESIEVE_DEBUG=1 before the command prints${stack}`;
}

/** The version stands in a file, which cannot always be read. Without it the error is still printed. */
function version(): string {
  try {
    return ` ${packageVersion()}`;
  } catch {
    return "";
  }
}

function oneLine(text: string): string {
  return foreignText(text.replace(/\s*\n\s*/g, " "));
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
