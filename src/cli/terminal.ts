/** What is asked of a stream and of the environment. */
type Stream = Pick<NodeJS.WriteStream, "isTTY">;
type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a line can be written over: on a terminal that is not a dumb one. */
export function canRedraw(stream: Stream, { TERM }: Environment = process.env): boolean {
  return stream.isTTY === true && TERM !== "dumb";
}

/**
 * Whether to write in colour: where a line can be written over, unless NO_COLOR says no (no-color.org: any text but none).
 * FORCE_COLOR says yes for any stream, as in other Node programs, and no if it is 0.
 */
export function usesColour(stream: Stream, env: Environment = process.env): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "" } = env;
  if (NO_COLOR !== "") return false;
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return canRedraw(stream, env);
}

const CODES = { red: "1;31", yellow: "33" } as const;

/** A text for a stream, in colour where that has one. Only what stands beside the results has colours: errors and warnings. */
export function coloured(text: string, colour: keyof typeof CODES, stream: Stream = process.stderr): string {
  return usesColour(stream) ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}
