/** A web server with files in memory: ranges, ETags, uploads by PUT and in parts; each as good as a test wants it. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebServer {
  readonly url: string;
  readonly files: Map<string, Buffer>;
  /** Methods, paths and ranges that were asked for. */
  readonly log: { method: string; path: string; query: string; range: string | undefined }[];
  /** Whether ranges and ETags are given. */
  ranges: boolean;
  etags: boolean;
  /** Answers the next requests of that method instead: with a status, by a cut in the middle, or not at all. */
  faults: { method: string; what: number | "cut" | "reset"; skip?: number }[];
  stop(): Promise<void>;
}

/** Starts a server; all paths that have `sig=secret` in their query are let in, and no others. */
export async function startWebServer(): Promise<WebServer> {
  const parts = new Map<number, Buffer>();
  const etagOf = (bytes: Buffer) => `"${createHash("md5").update(bytes).digest("hex")}"`;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const method = request.method ?? "";
    const range = request.headers.range;
    web.log.push({ method, path: url.pathname, query: url.search, range });
    const at = web.faults.findIndex((one) => one.method === method);
    const found = web.faults[at];
    const fault = found !== undefined && (found.skip ?? 0) === 0 ? found.what : undefined;
    if (found?.skip) found.skip--;
    else if (found !== undefined) web.faults.splice(at, 1);
    if (fault === "reset") {
      request.socket.destroy();
      return;
    }
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const bytes = Buffer.concat(body);
    const status = url.searchParams.get("sig") !== "secret" ? 403 : typeof fault === "number" ? fault : undefined;
    if (status !== undefined) {
      response.writeHead(status).end("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>");
      return;
    }
    if (method === "PUT") {
      if (bytes.length !== Number(request.headers["content-length"])) throw new Error("a body of another length");
      const part = url.searchParams.get("partNumber");
      if (part === null) web.files.set(url.pathname, bytes);
      else parts.set(Number(part), bytes);
      response.writeHead(200, { etag: etagOf(bytes) }).end();
      return;
    }
    if (method === "POST") {
      const listed = [...bytes.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>(.*?)<\/ETag>/g)];
      const all = listed.map(([, n, etag]) => {
        const part = parts.get(Number(n)) as Buffer;
        if (etagOf(part) !== etag?.replaceAll("&quot;", '"')) throw new Error("another ETag");
        return part;
      });
      web.files.set(url.pathname, Buffer.concat(all));
      response.writeHead(200).end("<CompleteMultipartUploadResult/>");
      return;
    }
    const file = web.files.get(url.pathname);
    if (method !== "GET" || file === undefined) {
      response.writeHead(method === "GET" ? 404 : 403).end();
      return;
    }
    const etag = web.etags ? { etag: etagOf(file) } : {};
    const asked = web.ranges ? /^bytes=(\d+)-(\d+)$/.exec(range ?? "") : null;
    const [start, end] =
      asked === null ? [0, file.length] : [Number(asked[1]), Math.min(file.length, Number(asked[2]) + 1)];
    const sent = file.subarray(start, end);
    response.writeHead(asked === null ? 200 : 206, {
      ...etag,
      "content-length": sent.length,
      ...(asked === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${file.length}` }),
    });
    if (fault === "cut") response.write(sent.subarray(0, sent.length >> 1), () => response.destroy());
    else response.end(sent);
  };
  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const web: WebServer = {
    url: `http://127.0.0.1:${port}`,
    ...{ files: new Map(), log: [], ranges: true, etags: true, faults: [] },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return web;
}
