import * as http from "node:http";
import * as https from "node:https";
import type { Readable } from "node:stream";
import { DumpError } from "../errors.js";
import { agents, isReadBuffer } from "./http-agents.js";
import { shownUrl } from "./http-url.js";
import { isPassing, nameOf, type StoreUse, statusOf } from "./s3-errors.js";
import { textOf } from "./s3-xml.js";
import { tlsProblem } from "./tls-problem.js";

/** How long is waited, in milliseconds. */
export interface StoreTimeouts {
  /** Until a connection stands. */
  readonly connect: number;
  /** While no byte comes or goes: an answer may take so long to begin. A slow upload is not cut off for being slow. */
  readonly idle: number;
  /** The same for the body of an answer, once it has begun. */
  readonly body: number;
}

export const TIMEOUTS: StoreTimeouts = { connect: 10_000, idle: 60_000, body: 30_000 };

/** A request by HTTP, without a body or with one of known length. */
export interface HttpRequest {
  readonly url: URL;
  /** Path and query as they are to be sent, instead of the URL's own: URL makes another path of "/../". */
  readonly path?: string | undefined;
  readonly method: "HEAD" | "GET" | "PUT" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** All of the body, or what writes it. */
  readonly body?: Uint8Array | undefined;
  readonly send?: (to: http.ClientRequest) => Promise<void>;
}

/** Bodies of so many bytes are sent when the server has agreed to take them, or has not said that it does for so many milliseconds. */
const ASK_FIRST = 2 * 2 ** 20;
const ASK_FOR = 1000;

/** Bytes of an error's answer that are looked at: S3 says there why, in XML. */
const MOST_WHY = 4096;
const MOST_MESSAGE = 300;
/** The name of an error whose answer has none. */
const NO_NAME = "HttpError";
/** Redirects of one GET that are followed. */
const MOST_REDIRECTS = 5;

/**
 * The answer to a request, once its head is there. What is answered by an error is thrown, with its status where the SDK's errors have it, so that one
 * rule says what is passing. Throws system errors, too.
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
    return httpRequest({ ...request, url: new URL(location, request.url) }, timeouts, redirects - 1);
  }
  if (status >= 200 && status < 300) return answer;
  throw await refused(answer, status);
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
      // It was refused before it was sent: the connection has no place for another request.
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

/** Sends a body when the server says that it takes it. One that refuses would end the connection in the middle of it, and its answer may be lost then. */
function endWhenAsked(request: http.ClientRequest, body: Uint8Array): void {
  const send = () => {
    clearTimeout(late);
    if (!request.writableEnded) request.end(body);
  };
  // Some servers do not know the question.
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

/** The body of an answer is cut off where nothing comes for so long, in milliseconds. What it ends with is thrown by who reads it. */
export function unlessSilent(body: Readable, silent: number = TIMEOUTS.body): { stop(): void; more(): void } {
  const timer = setTimeout(() => body.destroy(timedOut()), silent);
  return { stop: () => clearTimeout(timer), more: () => timer.refresh() };
}

/** Hands over a body as it comes; one that is silent for too long is cut off. By listeners: `for await` costs a promise for each piece. */
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

/** What a request failed with, as people can use it. Nothing of a query is in it. */
export function httpError(error: unknown, url: string, use: StoreUse): DumpError {
  if (error instanceof DumpError) return error;
  const file = shownUrl(url);
  const code = use === "read" ? "NOT_READABLE" : "NOT_WRITABLE";
  const verb = use === "read" ? "cannot be read" : "cannot be written";
  const status = statusOf(error);
  const name = nameOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const tls = tlsProblem(error, "http", "the URL");
  if (tls !== undefined) return new DumpError(code, `${verb}: ${tls.what}`, { file, cure: tls.cure, cause: error });
  if (status === undefined) {
    return new DumpError(code, `${verb}: the server cannot be reached: ${text || "no answer"}`, {
      file,
      cure: "Check the URL and the network",
      cause: error,
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
            : "Look at what the server says";
  return new DumpError(code, `${verb}: the server answers ${status}${message === "" ? "" : ` (${message})`}`, {
    ...{ file, cure, cause: error },
  });
}
