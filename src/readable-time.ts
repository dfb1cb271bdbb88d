/** A time for people: 2026-11-21 23:09:19 UTC. JSON has ISO 8601. */
export function readableTime(time: Date): string {
  return time
    .toISOString()
    .replace("T", " ")
    .replace(/(?:\.000)?Z$/, " UTC");
}
