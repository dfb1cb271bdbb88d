import { createServer, type Server } from "node:http";
import { DumpError } from "../errors.js";
import { describeSystemError } from "../reader/source/byte-source.js";
import type { Queues } from "./queues.js";

/** What a worker has done and is doing. */
export interface Counters {
  /** Jobs that have a processor now, and shards that wait for their place. */
  encoding: number;
  waiting: number;
  /** Pages read, page data written to outputs; jobs done, failed, handed back. */
  pages: number;
  bytes: number;
  done: number;
  failed: number;
  handedBack: number;
}

export function newCounters(): Counters {
  return { encoding: 0, waiting: 0, pages: 0, bytes: 0, done: 0, failed: 0, handedBack: 0 };
}

const METRICS: readonly (readonly [keyof Counters, string, "gauge" | "counter", string])[] = [
  ["encoding", "coresieve_worker_jobs_in_work", "gauge", "Jobs that have a processor"],
  ["waiting", "coresieve_worker_shards_waiting", "gauge", "Encoded shards that wait for the shards before them"],
  ["pages", "coresieve_worker_pages_total", "counter", "Pages encoded"],
  ["bytes", "coresieve_worker_output_bytes_total", "counter", "Bytes of page data put into outputs"],
  ["done", "coresieve_worker_jobs_done_total", "counter", "Jobs done"],
  ["failed", "coresieve_worker_jobs_failed_total", "counter", "Tries of jobs that failed"],
  ["handedBack", "coresieve_worker_jobs_handed_back_total", "counter", "Jobs given back to the queue"],
];

/** The worker's own metrics in Prometheus's text format. */
export function metricsText(counters: Counters): string {
  return METRICS.map(
    ([key, name, type, help]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${counters[key]}\n`,
  ).join("");
}

/** The address of the metrics server: a port of this host, or HOST:PORT. Throws `BAD_OPTION`. */
export function metricsAddress(text: string): { readonly host: string; readonly port: number } {
  const [, host = "127.0.0.1", digits = ""] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = digits === "" ? Number.NaN : Number(digits);
  if (port <= 65535) return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
  throw new DumpError("BAD_OPTION", `--metrics ${text}: must be a port`, { cure: "Write a port, or HOST:PORT" });
}

/** Milliseconds in which Redis must answer; otherwise the worker counts as not ready. */
const HEALTHY = 2000;

/** Whether the worker can take jobs: it is not being stopped, and Redis answers. */
async function isReady(queues: Queues, stops: AbortSignal): Promise<boolean> {
  if (stops.aborted) return false;
  const late = new Promise<false>((resolve) => setTimeout(resolve, HEALTHY, false).unref());
  return Promise.race([
    queues.redis.ping().then(
      () => true,
      () => false,
    ),
    late,
  ]);
}

/**
 * Serves at /metrics BullMQ's counts of the queues and the worker's own counts. /healthz answers 200 while the process
 * runs; /readyz answers 503 while it takes no jobs. Throws `BAD_OPTION` for a port that is in use.
 */
export async function serveMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  queues: Queues,
  counters: Counters,
  stops: AbortSignal,
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method === "GET" && request.url === "/healthz") {
      response.writeHead(200, { "content-type": "text/plain" }).end("ok\n");
      return;
    }
    if (request.method === "GET" && request.url === "/readyz") {
      void isReady(queues, stops).then((ready) =>
        response.writeHead(ready ? 200 : 503, { "content-type": "text/plain" }).end(ready ? "ready\n" : "not ready\n"),
      );
      return;
    }
    if (request.method !== "GET" || request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    Promise.all([queues.dumps.exportPrometheusMetrics(), queues.shards.exportPrometheusMetrics()])
      .then((texts) => withoutRepeats(texts.join("\n")))
      // If Redis is unreachable, the worker's own counts are served alone.
      .catch(() => "")
      .then((text) => {
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
        response.end(`${metricsText(counters)}${text}`);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new DumpError("BAD_OPTION", `--metrics ${host}:${port} cannot be served: ${describeSystemError(error)}`, {
          cure: "Name another port",
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  server.unref();
  return server;
}

/**
 * Removes repeated explanations. The texts of both queues explain the same names, and Prometheus rejects a second
 * explanation.
 */
function withoutRepeats(text: string): string {
  const seen = new Set<string>();
  const lines = text.split("\n").filter((line) => {
    if (line === "" || (line.startsWith("#") && seen.has(line))) return false;
    seen.add(line);
    return true;
  });
  return `${lines.join("\n")}\n`;
}
