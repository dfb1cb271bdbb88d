import { DumpError } from "../errors.js";
import { readExactly } from "../reader/source/byte-source.js";
import { givenSideFile } from "../reader/source/side-file.js";
import { shownUrl } from "../shown-address.js";
import { isHttpUrl } from "../store/http-url.js";

/** The URLs of a multipart upload, as a portal provides them. */
export interface PartUrls {
  /** Bytes of each part except the last. */
  readonly partSize: number;
  /** Presigned URLs for PUT, for parts 1, 2, … There may be more than are needed. */
  readonly parts: readonly string[];
  /** Presigned URL for POST, which completes the upload; without it, the receiver completes it. */
  readonly complete: string | undefined;
}

const SCHEME = "parts:";
/** The most bytes of the file: 10,000 URLs of 1,600 characters. */
const MOST = 16 << 20;
const MOST_PARTS = 10_000;
/** S3's own limits for a part. */
const LEAST_SIZE = 1;
const MOST_SIZE = 5 * 2 ** 30;

/** Whether an output is sent by HTTP: to a URL, or to the URLs in a file (`parts:FILE`). */
export function isHttpOutput(path: string): boolean {
  return isHttpUrl(path) || path.startsWith(SCHEME);
}

/** The URLs in the file that `parts:FILE` names; `undefined` for another path. Throws `BAD_OPTION`, `NOT_READABLE`. */
export function readPartUrls(path: string): PartUrls | undefined {
  if (!path.startsWith(SCHEME)) return undefined;
  const file = path.slice(SCHEME.length);
  const { source, close } = givenSideFile(file);
  let text: string;
  try {
    if (source.size > MOST) throw wrong(file, `must have ${MOST} bytes at most`);
    text = Buffer.from(readExactly(source, 0, source.size, "text")).toString("utf8");
  } finally {
    close();
  }
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw wrong(file, `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof found !== "object" || found === null) throw wrong(file, "must be an object");
  const { partSize, parts, complete } = found;
  if (!Number.isSafeInteger(partSize) || (partSize as number) < LEAST_SIZE || (partSize as number) > MOST_SIZE)
    throw wrong(file, `partSize must be a whole number from ${LEAST_SIZE} to ${MOST_SIZE}`);
  const isList = Array.isArray(parts) && parts.length > 0 && parts.length <= MOST_PARTS;
  if (!isList || !parts.every((one) => typeof one === "string" && isHttpUrl(one)))
    throw wrong(file, `parts must be 1 to ${MOST_PARTS} URLs`);
  if (complete !== undefined && !(typeof complete === "string" && isHttpUrl(complete)))
    throw wrong(file, "complete must be a URL");
  return { partSize: partSize as number, parts: parts as string[], complete };
}

function wrong(file: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file: shownUrl(file),
    cure: 'Write {"partSize": 8388608, "parts": ["https://…", …], "complete": "https://…"}',
  });
}
