import { DumpError } from "../errors.js";

/** Whether a path is the URL of a file that is read or written by HTTP. */
export function isHttpUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * A URL for messages: without user and query, which contain credentials and signatures (who has a presigned URL has the
 * file). Other names are returned unchanged.
 */
export function shownUrl(url: string): string {
  if (!isHttpUrl(url)) return url;
  return url.replace(/[?#].*$/s, "").replace(/^(https?:\/\/)[^/]*@/i, "$1");
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
