/** What stands between workers and a store, and does not always let them through. */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";

/** What becomes of the next `times` requests of a method whose path and query match. */
export interface StoreFault {
  /** Default: all methods. */
  readonly method?: string;
  readonly match: RegExp;
  readonly times: number;
  /** Matching requests that pass before. Default: none. */
  readonly after?: number;
  /**
   * A status is answered without asking the store. `reset`: the connection ends, and the store is not asked; `cut`: it ends in the middle
   * of the answer; `broken`: it ends in the middle of what is sent, and the store is not asked; `lost`: the store does it, and nobody is told; `slow`: the
   * answer comes in small pieces with pauses; `etag`: it has the ETag of another object.
   */
  readonly what: number | "reset" | "cut" | "broken" | "lost" | "slow" | "etag";
  /** Called first, and where the store does it first, after that: to kill who asks. */
  readonly onMet?: () => void;
}

export interface StoreProxy {
  readonly endpoint: string;
  /** Faults that are to come; those that are over go. */
  faults: StoreFault[];
  /** Milliseconds that each request takes longer. */
  latency: number;
  /** Requests that met a fault, and all. */
  met: number;
  asked: number;
  stop(): void;
}

/** Bytes that come at once of a slow answer, and milliseconds between them: 6 MB a second at most. */
const PIECE = 64 << 10;
const PAUSE = 10;

async function slowly(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    for await (const bytes of answer as AsyncIterable<Buffer>) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        await setTimeout(PAUSE);
        response.write(bytes.subarray(at, at + PIECE));
      }
    }
    response.end();
  } catch {
    response.destroy();
  }
}

/** Starts a proxy of a store. Signatures stay good: it leaves the Host header as it is. */
export async function startStoreProxy(store: string): Promise<StoreProxy> {
  const { hostname, port } = new URL(store);
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    proxy.asked++;
    const at = proxy.faults.findIndex((one) => (one.method ?? method) === method && one.match.test(url));
    const { after = 0 } = proxy.faults[at] ?? {};
    if (after > 0) proxy.faults[at] = { ...(proxy.faults[at] as StoreFault), after: after - 1 };
    const fault = after > 0 ? undefined : proxy.faults[at];
    if (fault !== undefined) {
      proxy.met++;
      proxy.faults.splice(at, 1, ...(fault.times > 1 ? [{ ...fault, times: fault.times - 1 }] : []));
    }
    const chunks: Buffer[] = [];
    request.on("error", () => undefined);
    try {
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
        if (fault?.what === "broken") return void request.socket.destroy();
      }
    } catch {
      return;
    }
    const end = () => {
      fault?.onMet?.();
      request.socket.destroy();
    };
    if (fault?.what === "reset") return end();
    await setTimeout(proxy.latency);
    if (typeof fault?.what === "number") {
      fault.onMet?.();
      const code = fault.what === 403 ? "AccessDenied" : "SlowDown";
      const text = `<Error><Code>${code}</Code><Message>not now</Message></Error>`;
      response.writeHead(fault.what, { "content-type": "application/xml" }).end(method === "HEAD" ? "" : text);
      return;
    }
    let answered = false;
    const asked = send({ hostname, port, method, path: url, headers, agent: false }, async (answer) => {
      answered = true;
      if (fault?.what === "lost") {
        answer.resume();
        await new Promise((resolve) => answer.once("end", resolve));
        return end();
      }
      const other = fault?.what === "etag" ? { etag: '"00000000000000000000000000000000"' } : {};
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...other });
      if (fault?.what === "slow") return slowly(answer, response);
      if (fault?.what !== "cut") return void answer.pipe(response);
      // Of an answer without a body nothing comes.
      answer.once("end", end);
      answer.once("data", (bytes: Buffer) => {
        response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroy());
        answer.destroy();
      });
    });
    asked.on("error", () => {
      // Some servers send a body behind the answer to a HEAD.
      if (!answered) request.socket.destroy();
    });
    asked.end(Buffer.concat(chunks));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: StoreProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ faults: [], latency: 0, met: 0, asked: 0 },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
