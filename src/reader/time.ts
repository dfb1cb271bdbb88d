/** The last second that a Date can represent: later ones come from damaged headers. */
const LAST_SECOND = 8_640_000_000_000n;

/** Seconds since 1970 as a number; `undefined` if they are out of range. */
export function timeOf(seconds: bigint | undefined): number | undefined {
  return seconds === undefined || seconds < 0n || seconds > LAST_SECOND ? undefined : Number(seconds);
}
