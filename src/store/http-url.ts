import { DumpError } from "../errors.js";
import { shownUrl } from "../shown-address.js";

/** Whether a path is the URL of a file that is read or written by HTTP. */
export function isHttpUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * When a presigned URL ends, from its query: of AWS and its like ("Authenticating Requests: Using Query Parameters"), of Google ("Signed URLs"), of version 2 of both, and of
 * Azure ("service SAS"). `undefined`: it does not say.
 */
export function endOf(url: string): Date | undefined {
  if (!URL.canParse(url)) return undefined;
  const query = new Map([...new URL(url).searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  for (const by of ["x-amz-", "x-goog-"]) {
    const [, ...from] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get(`${by}date`) ?? "") ?? [];
    const [year = 0, month = 1, ...rest] = from.map(Number);
    if (from.length > 0) return timeOf(Date.UTC(year, month - 1, ...rest) + 1000 * Number(query.get(`${by}expires`)));
  }
  const [seconds, until] = [query.get("expires"), query.get("se")];
  if (seconds !== undefined) return timeOf(1000 * Number(seconds));
  return until === undefined ? undefined : timeOf(Date.parse(until));
}

function timeOf(milliseconds: number): Date | undefined {
  const time = new Date(milliseconds);
  return milliseconds > 0 && !Number.isNaN(time.getTime()) ? time : undefined;
}

/** Throws `BAD_OPTION`. */
export function parseHttpUrl(path: string): URL {
  try {
    const url = new URL(path);
    if (url.protocol === "http:" || url.protocol === "https:") return url;
  } catch {
    // Reported below.
  }
  throw new DumpError("BAD_OPTION", "is not a URL", { file: shownUrl(path), cure: "Write https://HOST/PATH" });
}
