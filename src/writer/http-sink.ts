import { randomBytes } from "node:crypto";
import { ftruncateSync } from "node:fs";
import type { ClientRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DumpError } from "../errors.js";
import { OPTION, unnamedPlace } from "../option-words.js";
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import { readFullyAsync, writeFully } from "../reader/source/full-io.js";
import { dropSpoolFile } from "../reader/source/spool/drop-spool.js";
import { openNameless } from "../reader/source/spool/nameless-file.js";
import { shownUrl } from "../shown-address.js";
import { arrivingBody, bodyOf, httpError, httpRequest, TIMEOUTS, withoutSecrets } from "../store/http-request.js";
import { parseHttpUrl } from "../store/http-url.js";
import { Retries } from "../store/retry.js";
import { asksToSignIn, isPage, wordsOfPage } from "../store/web-page.js";
import { ofFile, type Warnings } from "../warnings.js";
import { type PartUrls, readPartUrls } from "./part-urls.js";
import type { Sink } from "./sink.js";

/** Bytes that are read and sent at once. */
const PIECE = 1 << 20;

/** How to send a dump. */
export interface HttpSinkOptions {
  /** Folder of the temporary file. Default: the system's. */
  readonly dir?: string | undefined;
  readonly warnings?: Warnings | undefined;
  /** How long to wait for the body of an answer that does not say by its head what was stored, in milliseconds. */
  readonly wait?: number;
}

/** A page arrives soon after its head. */
const ANSWER_WAIT = 5000;

/**
 * A dump that is sent by PUT to a URL, or in parts to one URL each (`parts:FILE`): URLs as a portal provides them,
 * without credentials. Nothing is sent before the dump is complete. Until then it is in a temporary file without a
 * name, because the head of a dump is known last, and such a URL may accept only one request. Throws `BAD_OPTION`,
 * `NOT_READABLE` for the file of parts, `NOT_WRITABLE`, `NO_SPACE`, `SIZE_LIMIT`.
 */
export function createHttpSink(path: string, { dir: given, warnings, wait = ANSWER_WAIT }: HttpSinkOptions = {}): Sink {
  const dir = given ?? tmpdir();
  const place = given ?? unnamedPlace(dir, "the folder of temporary files");
  const parts = readPartUrls(path);
  const url = parts === undefined ? path : undefined;
  if (url !== undefined) parseHttpUrl(url);
  const name = shownUrl(path);
  let opened: ReturnType<typeof openNameless> | undefined = openTemporary(dir, place);
  const file = () => {
    if (opened === undefined) throw new Error("the temporary file is closed");
    return opened.fd;
  };
  const close = () => {
    if (opened !== undefined) dropSpoolFile(opened.fd, opened.path);
    opened = undefined;
  };
  return {
    name,
    write(bytes, offset) {
      try {
        writeFully(file(), bytes, offset);
      } catch (error) {
        throw cannotKeep(place, error);
      }
    },
    async finish(size) {
      try {
        ftruncateSync(file(), size);
      } catch (error) {
        throw cannotKeep(place, error);
      }
      const put = new Puts(file(), wait, warnings);
      if (parts === undefined) await put.send(path, 0, size);
      else await sendParts(parts, put, size, name);
      close();
      return undefined;
    },
    async abort() {
      close();
    },
  };
}

async function sendParts(
  { partSize, parts, complete }: PartUrls,
  put: Puts,
  size: number,
  name: string,
): Promise<void> {
  const count = Math.max(1, Math.ceil(size / partSize));
  if (count > parts.length) {
    throw new DumpError("SIZE_LIMIT", `has ${size} bytes, but the URLs are for ${parts.length * partSize}`, {
      file: name,
      cure: "Ask for more URLs or larger parts, or drop and compress more",
    });
  }
  const etags: string[] = [];
  for (let i = 0; i < count; i++) {
    const etag = await put.send(parts[i] as string, i * partSize, Math.min(size, (i + 1) * partSize));
    if (etag === undefined && complete !== undefined) {
      throw new DumpError(
        "NOT_WRITABLE",
        `the server sends no ETag for part ${i + 1}, which is needed to complete the upload`,
        {
          file: name,
        },
      );
    }
    etags.push(etag ?? "");
  }
  if (complete !== undefined) await completeParts(complete, etags, put.warnings);
}

/** Sends pieces of a file by PUT. */
class Puts {
  constructor(
    readonly fd: number,
    readonly wait: number,
    readonly warnings: Warnings | undefined,
  ) {}

  /** Sends bytes [start, end) of the file. Returns the server's ETag for them. */
  async send(url: string, start: number, end: number): Promise<string | undefined> {
    const headers = { "content-length": `${end - start}` };
    const send = (to: ClientRequest) => this.#write(to, start, end);
    const answer = await asked(url, () => httpRequest({ url: parseHttpUrl(url), method: "PUT", headers, send }));
    const { etag } = answer.headers;
    const body = arrivingBody(answer, MOST_PAGE, this.wait);
    // Otherwise the head says that it is stored.
    if (answer.statusCode !== 200 || etag !== undefined) return etag;
    const content = await body;
    if (isPage(answer, content)) lookAtPage(content.toString("utf8"), url, this.warnings);
    return undefined;
  }

  async #write(to: ClientRequest, start: number, end: number): Promise<void> {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(1, end - start)));
    for (let at = start; at < end; ) {
      const bytes = piece.subarray(0, Math.min(piece.length, end - at));
      if ((await readFullyAsync(this.fd, bytes, at)) !== bytes.length) throw new Error("the temporary file is cut off");
      await new Promise<void>((resolve, reject) => to.write(bytes, (error) => (error ? reject(error) : resolve())));
      at += bytes.length;
    }
  }
}

/** The most bytes of a page that are looked at, and characters of it that are shown. */
const MOST_PAGE = 16_384;
const MOST_WORDS = 100;

/** A page may confirm an upload, or be a proxy's: what it says is shown. One that asks to sign in is an error. */
function lookAtPage(whole: string, url: string, warnings: Warnings | undefined): void {
  const page = whole.slice(0, MOST_PAGE);
  if (asksToSignIn(page, parseHttpUrl(url))) throw aPage(url);
  const text = withoutSecrets(wordsOfPage(page), url).slice(0, MOST_WORDS);
  const reason = `the server answers with a web page: check that it has the file. The page says: ${text}`;
  warnings?.remark("PAGE_ANSWERED", ofFile(shownUrl(url), reason));
}

/** CompleteMultipartUpload of S3. The response may have status 200 and report a failure in its XML. */
async function completeParts(url: string, etags: readonly string[], warnings: Warnings | undefined): Promise<void> {
  const list = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`);
  const body = Buffer.from(`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`, "utf8");
  const headers = { "content-type": "application/xml" };
  const text = await asked(url, async () => {
    const answer = await httpRequest({ url: parseHttpUrl(url), method: "POST", headers, body });
    const content = await bodyOf(answer, MOST_ANSWER, TIMEOUTS.body);
    if (isPage(answer, content)) lookAtPage(content.toString("utf8"), url, warnings);
    return content.toString("utf8");
  });
  const code = /<Error>[\s\S]*?<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1];
  if (code !== undefined) {
    throw new DumpError("NOT_WRITABLE", `cannot be written: completing the upload failed (${code})`, {
      file: shownUrl(url),
      cure: "Ask for a new upload",
    });
  }
}

/** The most bytes of a server's answer that are looked at. */
const MOST_ANSWER = 65_536;

function aPage(url: string): DumpError {
  return new DumpError(
    "NOT_WRITABLE",
    "cannot be written: a web page that asks to sign in answers instead of the server",
    {
      file: shownUrl(url),
      cure: "Ask whoever runs the server whether it has the file; if not, look for a proxy or a sign-in page in between",
    },
  );
}

async function asked<T>(url: string, request: () => Promise<T>): Promise<T> {
  try {
    return await new Retries().run(request);
  } catch (error) {
    throw httpError(error, url, "write");
  }
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function openTemporary(dir: string, place: string): ReturnType<typeof openNameless> {
  try {
    return openNameless(join(dir, `.coresieve-put-${randomBytes(6).toString("hex")}`), place);
  } catch (error) {
    throw error instanceof DumpError ? error : cannotKeep(place, error);
  }
}

function cannotKeep(place: string, error: unknown): DumpError {
  return new DumpError(
    isWithoutRoom(error) ? "NO_SPACE" : "NOT_WRITABLE",
    `the temporary file cannot be written: ${describeSystemError(error)}`,
    {
      file: place,
      cure: `Make room there, or name another folder by ${OPTION.spoolDir} or TMPDIR`,
      cause: error,
    },
  );
}
