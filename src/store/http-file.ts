import type { IncomingMessage } from "node:http";
import { DumpError } from "../errors.js";
import { shownUrl } from "../shown-address.js";
import { cutOff, httpError, httpRequest, takeBody, unlessSilent } from "./http-request.js";
import { parseHttpUrl } from "./http-url.js";
import { Retries } from "./retry.js";
import { statusOf } from "./s3-errors.js";
import type { HttpLocation, ObjectInfo } from "./store-types.js";

/**
 * A server's information about a file. `ranges`: whether any of its bytes can be requested, and a change would be
 * noticed.
 */
export interface HttpInfo extends ObjectInfo {
  readonly ranges: boolean;
}

/**
 * Files of web servers, read by ranges. Each answer is compared with the first one: length, and ETag or date. Uses only
 * GET, because a presigned URL is signed for one method.
 */
export class HttpFiles {
  readonly #retries = new Retries();

  /**
   * Gets the server's information about a file by requesting its first byte. `undefined` if there is no such file.
   * Throws `NOT_READABLE`.
   */
  async head({ url }: HttpLocation): Promise<HttpInfo | undefined> {
    try {
      return await this.#retries.run(async () => {
        const answer = await httpRequest({ url: parseHttpUrl(url), method: "GET", headers: range(0, 0) });
        const info = infoOf(answer);
        // A server that ignores the range would now send the whole file.
        if (info.ranges) answer.resume();
        else answer.destroy();
        return info;
      });
    } catch (error) {
      if (statusOf(error) === 404 || statusOf(error) === 410) return undefined;
      // An empty file has no first byte.
      if (statusOf(error) === 416) return { size: 0, etag: "", ranges: true };
      throw httpError(error, url, "read");
    }
  }

  /** Bytes [offset, offset + length) in order, like `S3Store.stream`. Throws `NOT_READABLE`, `INPUT_CHANGED`. */
  async stream(
    { url }: HttpLocation,
    offset: number,
    length: number,
    etag: string,
    take: (chunk: Uint8Array, done: number) => void,
    onTry: () => void = () => undefined,
  ): Promise<void> {
    const target = parseHttpUrl(url);
    let done = 0;
    let before = 0;
    const once = async () => {
      before = done;
      onTry();
      const headers = range(offset + done, offset + length - 1);
      const answer = await httpRequest({ url: target, method: "GET", headers });
      const info = infoOf(answer);
      const begins = answer.headers["content-range"]?.startsWith(`bytes ${offset + done}-`) === true;
      // A page of a proxy says nothing about the file, so that is looked at first.
      if (!begins || info.etag !== etag) {
        answer.destroy();
        throw begins ? changed(url) : otherBytes(url);
      }
      await takeBody(answer, (chunk) => {
        const bytes = chunk.subarray(0, length - done);
        if (bytes.length > 0) take(bytes, done);
        done += bytes.length;
        if (bytes.length < chunk.length) answer.destroy();
      });
      if (done < length) throw cutOff();
    };
    try {
      await this.#retries.run(once, () => done > before);
    } catch (error) {
      const status = statusOf(error);
      // 416: the file is shorter than before, so it is another file.
      throw status === 412 || status === 416 ? changed(url) : httpError(error, url, "read");
    }
  }
}

/** All bytes of a file in order, in one answer: for servers without ranges. Throws `NOT_READABLE`. */
export async function* httpBytes(url: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const headers = { "accept-encoding": "identity" };
    const answer = await new Retries().run(() => httpRequest({ url: parseHttpUrl(url), method: "GET", headers }));
    checkEncoding(answer, url);
    const silence = unlessSilent(answer);
    try {
      for await (const chunk of answer) {
        silence.more();
        if (signal?.aborted) throw new DumpError("ABORTED", "stopped while it was read", { file: shownUrl(url) });
        yield chunk as Uint8Array;
      }
    } finally {
      silence.stop();
    }
  } catch (error) {
    throw httpError(error, url, "read");
  }
}

/**
 * Encodings that are not undone, and that no packed file has. Of all others the content decides: servers also name the
 * packing of a file there, or what is no encoding (`UTF-8`, `none`, `aws-chunked`).
 */
const NOT_UNDONE = ["br", "deflate", "compress", "x-compress"];

/** Throws `NOT_READABLE` for what a server encoded for the way though it was asked not to. */
function checkEncoding(answer: IncomingMessage, url: string): void {
  const encodings = (answer.headers["content-encoding"] ?? "").toLowerCase().split(",");
  const encoding = NOT_UNDONE.find((one) => encodings.some((given) => given.trim() === one));
  if (encoding === undefined) return;
  answer.destroy();
  throw new DumpError("NOT_READABLE", `the server sends it encoded (${encoding})`, {
    file: shownUrl(url),
    cure: "Look for a proxy in between that compresses what it passes on",
  });
}

function range(first: number, last: number): Record<string, string> {
  // With a content encoding, offsets would be different.
  return { range: `bytes=${first}-${last}`, "accept-encoding": "identity" };
}

/**
 * The information about a file in an answer. A weak ETag is as good as a date: both change when the file is replaced.
 */
function infoOf({ statusCode, headers }: IncomingMessage): HttpInfo {
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1];
  const size = Number(total ?? headers["content-length"] ?? Number.NaN);
  // Servers and caches may mark the same ETag as weak in one answer, and not in another.
  const mark = headers.etag?.replace(/^W\//, "") ?? headers["last-modified"];
  const ranges = statusCode === 206 && total !== undefined && mark !== undefined && Number.isSafeInteger(size);
  return { size, etag: `${mark ?? ""} ${size}`, ranges };
}

function changed(url: string): DumpError {
  return new DumpError("INPUT_CHANGED", "was replaced while it was read", {
    file: shownUrl(url),
    cure: "Wait until the dump has been uploaded to the end, and run it again",
  });
}

function otherBytes(url: string): DumpError {
  return new DumpError("NOT_READABLE", "the server sent other bytes than those asked for", {
    file: shownUrl(url),
    cure: "Look for a proxy in between that changes requests",
  });
}
