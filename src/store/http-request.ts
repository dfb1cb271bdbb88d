import * as http from "node:http";
import * as https from "node:https";
import type { Readable } from "node:stream";
import { DumpError } from "../errors.js";
import { agents, isReadBuffer } from "./http-agents.js";
import { shownUrl } from "./http-url.js";
import { type StoreTimeouts, TIMEOUTS } from "./s3-client.js";
import { isPassing, type StoreUse, statusOf } from "./s3-errors.js";
import { tlsProblem } from "./tls-problem.js";

/** A request by HTTP, without a body or with one of known length. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  /** Writes all of the body. */
  readonly send?: (to: http.ClientRequest) => Promise<void>;
}

/** Bytes of an error's answer that are looked at: S3 says there why, in XML. */
const MOST_WHY = 4096;
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
  { url, method, headers, send }: HttpRequest,
  { connect, idle }: StoreTimeouts,
): Promise<http.IncomingMessage> {
  const { protocol } = url;
  if (protocol !== "http:" && protocol !== "https:") throw new Error(`no protocol for files: ${protocol}`);
  const client = protocol === "http:" ? http : https;
  return new Promise((resolve, reject) => {
    const request = client.request(url, {
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
    request.on("response", resolve);
    if (send === undefined) request.end();
    else {
      send(request).then(
        () => request.end(),
        (error: unknown) => request.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    }
  });
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
  const part = (name: string) => new RegExp(`<${name}>([^<]{1,300})</${name}>`).exec(text)?.[1];
  const why = [part("Code"), part("Message")].filter((one) => one !== undefined).join(": ");
  return Object.assign(new Error(why || (answer.statusMessage ?? "")), {
    name: part("Code") ?? "HttpError",
    $metadata: { httpStatusCode: status },
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
  const message = error instanceof Error ? error.message : String(error);
  const tls = tlsProblem(error, "http", "the URL");
  if (tls !== undefined) return new DumpError(code, `${verb}: ${tls.what}`, { file, cure: tls.cure, cause: error });
  if (status === undefined) {
    return new DumpError(code, `${verb}: the server cannot be reached: ${message || "no answer"}`, {
      file,
      cure: "Check the URL and the network",
      cause: error,
    });
  }
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
