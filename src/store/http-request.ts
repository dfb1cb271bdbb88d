import * as http from "node:http";
import * as https from "node:https";
import type { Readable } from "node:stream";
import { DumpError } from "../errors.js";
import { readableTime } from "../readable-time.js";
import { shownUrl } from "../shown-address.js";
import { letGo } from "./collect-garbage.js";
import { agents, isReadBuffer } from "./http-agents.js";
import { endOf } from "./http-url.js";
import { proxyUnused } from "./proxy-unused.js";
import { isPassing, nameOf, type StoreUse, statusOf } from "./s3-errors.js";
import { textOf } from "./s3-xml.js";
import { tlsProblem } from "./tls-problem.js";

/** Time limits in milliseconds. */
export interface StoreTimeouts {
  /** Until the connection is open. */
  readonly connect: number;
  /**
   * While no byte is sent or received, which includes the wait for the beginning of an answer. A slow upload is not cut
   * off.
   */
  readonly idle: number;
  /** While no byte of an answer's body is received, after the body has begun. */
  readonly body: number;
}

export const TIMEOUTS: StoreTimeouts = { connect: 10_000, idle: 60_000, body: 30_000 };

/** An HTTP request, without a body or with a body of known length. */
export interface HttpRequest {
  readonly url: URL;
  /** Path and query exactly as they must be sent, instead of those of the URL: URL normalises "/../". */
  readonly path?: string | undefined;
  readonly method: "HEAD" | "GET" | "PUT" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body, or a function that writes it. */
  readonly body?: Uint8Array | undefined;
  readonly send?: (to: http.ClientRequest) => Promise<void>;
}

/**
 * A body of at least this many bytes is sent only when the server has accepted it ("100 Continue"), or has not answered
 * for this many milliseconds.
 */
const ASK_FIRST = 2 * 2 ** 20;
const ASK_FOR = 1000;

/** The most bytes of an error's answer that are read: S3 explains the error there, in XML. */
const MOST_WHY = 4096;
const MOST_MESSAGE = 300;
/** The name of an error whose answer contains none. */
const NO_NAME = "HttpError";
/** Answers to a URL that is no longer valid, by store. */
const REFUSED = [400, 401, 403, 410];
/** Characters of a scheme that are shown: "gopher:". */
const LONGEST_SCHEME = 8;
/** The most redirects of one GET. */
const MOST_REDIRECTS = 5;

/**
 * The answer to a request, when its head has arrived. Answers with an error status are thrown, with the status in the
 * same member as in the SDK's errors, so that one rule decides what is temporary. Throws system errors, too.
 */
export async function httpRequest(
  request: HttpRequest,
  timeouts: StoreTimeouts = TIMEOUTS,
  redirects = MOST_REDIRECTS,
): Promise<http.IncomingMessage> {
  const answer = await answerOf(request, timeouts);
  const status = answer.statusCode ?? 0;
  const { location } = answer.headers;
  if (
    [301, 302, 303, 307, 308].includes(status) &&
    request.method === "GET" &&
    location !== undefined &&
    redirects > 0
  ) {
    answer.resume();
    return httpRequest({ ...request, url: redirected(request.url, location) }, timeouts, redirects - 1);
  }
  if (status >= 200 && status < 300) return answer;
  throw await refused(answer, status);
}

/** The URL that an answer names instead. Throws `NOT_READABLE` without naming it: it may contain secrets. */
export function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const refuse = (what: string) => {
    const cure = "Ask whoever runs the server for an address that can be read";
    throw new DumpError("NOT_READABLE", `the server sends on to ${what}`, { file: shownUrl(from.href), cure });
  };
  if (to?.protocol === "http:" && from.protocol === "https:") refuse("an address without TLS (http:)");
  if (to?.protocol !== "http:" && to?.protocol !== "https:") {
    // A long one is no scheme, but the beginning of something else.
    const scheme = to !== undefined && to.protocol.length <= LONGEST_SCHEME ? ` (${to.protocol})` : "";
    refuse(`what is not an address of a web server${scheme}`);
  }
  return to as URL;
}

function answerOf(
  { url, path, method, headers: given, body, send }: HttpRequest,
  { connect, idle }: StoreTimeouts,
): Promise<http.IncomingMessage> {
  const { protocol } = url;
  if (protocol !== "http:" && protocol !== "https:") throw new Error(`no protocol for files: ${protocol}`);
  const client = protocol === "http:" ? http : https;
  const asksFirst = body !== undefined && body.length >= ASK_FIRST;
  const headers = {
    ...given,
    ...(body !== undefined && { "content-length": String(body.length) }),
    ...(asksFirst && { expect: "100-continue" }),
  };
  return new Promise((resolve, reject) => {
    const request = client.request(url, {
      ...(path !== undefined && { path }),
      method,
      headers,
      agent: agents[protocol],
      timeout: idle,
    } as http.RequestOptions);
    request.on("socket", (socket) => {
      if (!socket.connecting) return;
      const late = setTimeout(() => request.destroy(timedOut()), connect);
      socket.once("connect", () => clearTimeout(late));
      request.once("close", () => clearTimeout(late));
    });
    request.on("timeout", () => request.destroy(timedOut()));
    request.on("error", reject);
    request.on("response", (answer) => {
      // The request was refused before it was sent, so the connection cannot be used for another one.
      if (!request.writableEnded) answer.once("close", () => request.destroy());
      resolve(answer);
    });
    if (asksFirst) endWhenAsked(request, body);
    else if (send === undefined) request.end(body);
    else {
      send(request).then(
        () => request.end(),
        (error: unknown) => request.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    }
  });
}

/**
 * Sends a body when the server accepts it. Otherwise a server that refuses would close the connection in the middle of
 * the body, and its answer might be lost.
 */
function endWhenAsked(request: http.ClientRequest, body: Uint8Array): void {
  const send = () => {
    clearTimeout(late);
    if (!request.writableEnded) request.end(body);
  };
  // Some servers do not support that.
  const late = setTimeout(send, ASK_FOR);
  request.once("continue", send);
  for (const event of ["response", "close"]) request.once(event, () => clearTimeout(late));
}

function timedOut(): Error {
  return Object.assign(new Error("no answer"), { code: "ETIMEDOUT" });
}

async function refused(answer: http.IncomingMessage, status: number): Promise<Error> {
  let text = "";
  try {
    for await (const chunk of answer) {
      text += (chunk as Buffer).toString("utf8");
      if (text.length > MOST_WHY) break;
    }
  } catch {
    // The status says enough.
  }
  answer.destroy();
  return Object.assign(new Error(textOf(text, "Message")?.slice(0, MOST_MESSAGE) ?? answer.statusMessage ?? ""), {
    name: textOf(text, "Code")?.slice(0, MOST_MESSAGE) ?? NO_NAME,
    status,
    headers: answer.headers,
  });
}

/** Cuts off the body of an answer if nothing arrives for this many milliseconds. Reading the body then throws. */
export function unlessSilent(body: Readable, silent: number = TIMEOUTS.body): { stop(): void; more(): void } {
  const timer = setTimeout(() => body.destroy(timedOut()), silent);
  return { stop: () => clearTimeout(timer), more: () => timer.refresh() };
}

/**
 * Passes on a body as it arrives; cuts it off if nothing arrives for too long. Uses listeners, because `for await`
 * costs a promise for each piece.
 */
export function takeBody(answer: Readable, take: (chunk: Uint8Array) => void, silent?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const silence = unlessSilent(answer, silent);
    answer.on("data", (chunk: Uint8Array) => {
      if (isReadBuffer(chunk)) {
        answer.destroy(new Error(`HTTP of Node ${process.versions.node} hands on its read buffer`));
        return;
      }
      silence.more();
      take(chunk);
      letGo(chunk.length);
    });
    const end = (error?: Error) => {
      silence.stop();
      if (error === undefined) resolve();
      else reject(error);
    };
    answer.on("end", () => end());
    answer.on("error", end);
    answer.on("close", () => end());
  });
}

/** The first `most` bytes of a body, or all of it. */
export async function bodyOf(answer: Readable, most: number, silent: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await takeBody(answer, upTo(most, answer, chunks), silent);
  return Buffer.concat(chunks);
}

/**
 * The first `most` bytes of a body as far as they arrive within `wait` milliseconds. Never throws: it is for answers of
 * which the head says enough.
 */
export async function arrivingBody(answer: Readable, most: number, wait: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const late = setTimeout(() => answer.destroy(), wait);
  try {
    await takeBody(answer, upTo(most, answer, chunks), wait);
  } catch {
    // What was cut off is not needed.
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(chunks);
}

/** Collects the first `most` bytes, and cuts the body off when there are more. */
function upTo(most: number, answer: Readable, chunks: Uint8Array[]): (chunk: Uint8Array) => void {
  let length = 0;
  return (chunk) => {
    chunks.push(chunk.subarray(0, Math.max(0, most - length)));
    length += chunk.length;
    if (length > most) answer.destroy();
  };
}

/** A body that ended too soon. */
export function cutOff(): Error {
  return Object.assign(new Error("the answer is cut off"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
}

/** Parts of a URL that are shorter are no secrets, and may be in any text. */
const SHORTEST_SECRET = 6;

/** A server's text without what the URL must not show, should the server quote it. */
export function withoutSecrets(text: string, url: string): string {
  if (!URL.canParse(url)) return text;
  const { search, searchParams, hash, username, password } = new URL(url);
  const raw = search.slice(1).split("&");
  const secrets = [search, hash.slice(1), username, password, ...raw, ...searchParams.values()];
  for (const part of raw) secrets.push(part.slice(part.indexOf("=") + 1));
  const long = secrets.filter(({ length }) => length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  return long.reduce((said, secret) => said.replaceAll(secret, "…"), text);
}

/** What a request failed with, as people can use it. Nothing of a query is in it. */
export function httpError(error: unknown, url: string, use: StoreUse): DumpError {
  if (error instanceof DumpError) return error;
  const file = shownUrl(url);
  const code = use === "read" ? "NOT_READABLE" : "NOT_WRITABLE";
  const verb = use === "read" ? "cannot be read" : "cannot be written";
  const status = statusOf(error);
  const name = nameOf(error);
  const text = withoutSecrets(error instanceof Error ? error.message : String(error), url);
  const tls = tlsProblem(error, "http", "the URL");
  if (tls !== undefined) return new DumpError(code, `${verb}: ${tls.what}`, { file, cure: tls.cure, cause: error });
  if (status === undefined) {
    return new DumpError(code, `${verb}: the server cannot be reached: ${text || "no answer"}`, {
      file,
      cure: `Check the URL and the network${proxyUnused(url)}`,
      cause: error,
    });
  }
  const ended = endOf(url);
  if (REFUSED.includes(status) && ended !== undefined && ended.getTime() <= Date.now()) {
    return new DumpError(code, `${verb}: its URL ended at ${readableTime(ended)} (the server answers ${status})`, {
      ...{ file, cause: error },
      cure: "Ask for a URL that lasts as long as the run, and run it again",
    });
  }
  const message = name === NO_NAME ? text : `${name}: ${text}`;
  const cure =
    status === 401 || status === 403
      ? "Check that the URL is whole, and not too old: presigned ones end after a while"
      : status === 404 || status === 410
        ? "Check the URL"
        : status === 405 || status === 501
          ? `The server does not allow ${use === "read" ? "GET" : "PUT"} there: check the URL, and which request it was signed for`
          : isPassing(error)
            ? "Try again later"
            : use === "write" && status >= 300 && status < 400
              ? "Ask whoever runs the server for the address to write to: redirects are followed when reading only"
              : "Look at what the server says";
  return new DumpError(code, `${verb}: the server answers ${status}${message === "" ? "" : ` (${message})`}`, {
    ...{ file, cure, cause: error },
  });
}
