/** The parts of a stream and of the environment that are used. */
type Stream = Pick<NodeJS.WriteStream, "isTTY">;
type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a line can be overwritten: on a terminal that is not a dumb one. */
export function canRedraw(stream: Stream, { TERM }: Environment = process.env): boolean {
  return stream.isTTY === true && TERM !== "dumb";
}

/**
 * Whether to write in colour: where a line can be overwritten, unless NO_COLOR is set (no-color.org: to any non-empty
 * text). FORCE_COLOR switches colours on for any stream, as in other Node programs, or off if it is 0.
 */
export function usesColour(stream: Stream, env: Environment = process.env): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "" } = env;
  if (NO_COLOR !== "") return false;
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return canRedraw(stream, env);
}

const CODES = { red: "1;31", yellow: "33" } as const;

/** A text in colour, if the stream has colours. Only errors and warnings are coloured, never results. */
export function coloured(text: string, colour: keyof typeof CODES, stream: Stream = process.stderr): string {
  return usesColour(stream) ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}
