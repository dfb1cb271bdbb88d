import { DumpError } from "../errors.js";

/** Whether a path is the URL of a file that is fetched, or sent, by HTTP. */
export function isHttpUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * A URL as it may be shown: without user and query, in which credentials and signatures are (a presigned URL is worth as much as the file that it
 * leads to). Other names are shown as they are.
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
    // Said below.
  }
  throw new DumpError("BAD_OPTION", "is not a URL", { file: shownUrl(path), cure: "Write https://HOST/PATH" });
}
