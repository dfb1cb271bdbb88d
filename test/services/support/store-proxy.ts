/** What stands between workers and a store, and does not always let them through. */
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";

/** What becomes of the next `times` requests of a method whose path and query match. */
export interface StoreFault {
  readonly method: string;
  readonly match: RegExp;
  readonly times: number;
  /**
   * A status is answered without asking the store. `reset`: the connection ends, and the store is not asked; `cut`: it ends in the middle
   * of the answer; `lost`: the store does it, and nobody is told.
   */
  readonly what: number | "reset" | "cut" | "lost";
  /** Called first, and where the store does it first, after that: to kill who asks. */
  readonly onMet?: () => void;
}

export interface StoreProxy {
  readonly endpoint: string;
  /** Faults that are to come; those that are over go. */
  faults: StoreFault[];
  /** Milliseconds that each request takes longer. */
  latency: number;
  /** Requests that met a fault. */
  met: number;
  stop(): void;
}

/** Starts a proxy of a store. Signatures stay good: it leaves the Host header as it is. */
export async function startStoreProxy(store: string): Promise<StoreProxy> {
  const { hostname, port } = new URL(store);
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const at = proxy.faults.findIndex((one) => one.method === method && one.match.test(url));
    const fault = proxy.faults[at];
    if (fault !== undefined) {
      proxy.met++;
      proxy.faults.splice(at, 1, ...(fault.times > 1 ? [{ ...fault, times: fault.times - 1 }] : []));
    }
    const chunks: Buffer[] = [];
    request.on("error", () => undefined);
    try {
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
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
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fault?.what !== "cut") return void answer.pipe(response);
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
    ...{ faults: [], latency: 0, met: 0 },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
