// A web server that takes a dump as the body of a request, and answers with the filtered one. The dump is never a file with a name.
//
//   node examples/upload-handler.mjs 8080
//   curl --fail-with-body -T vmcore -o small.kdump 'http://127.0.0.1:8080/?level=31'
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { DumpError, filterDump, openInput, Warnings, WorkerThreads } from "coresieve";

/** Most bytes of the temporary file that an upload is kept in, packed and without its zeros. */
const LIMIT = 64e9;

/** Codes of errors that are the dump's, not this server's. */
const DUMPS_FAULT = [
  "NOT_A_DUMP",
  "TRUNCATED",
  "CORRUPT",
  "LIMIT",
  "UNSUPPORTED",
  "CANNOT_FILTER",
  "NOT_READABLE",
  "BAD_OPTION",
];

const workers = new WorkerThreads(2);

/** Reads a dump from a Readable, and writes it filtered to a Writable, which is not ended. */
async function filterStream(readable, writable, level, signal) {
  const warnings = new Warnings();
  const dump = await openInput({ stream: readable, name: "the upload" }, warnings, { signal, spool: { limit: LIMIT } });
  try {
    return await filterDump(dump, {
      output: { stream: writable, name: "the answer", plain: true },
      ...{ level, workers, warnings, signal },
    });
  } finally {
    dump.close();
  }
}

async function handle(request, response) {
  const level = Number(new URL(request.url, "http://localhost").searchParams.get("level") ?? 31);
  const controller = new AbortController();
  response.on("close", () => controller.abort());
  // openInput destroys what it does not read to its end, and with the request its answer would be gone: so it gets a stream of its own.
  const body = Readable.from(request.iterator({ destroyOnReturn: false }));
  response.setHeader("content-type", "application/octet-stream");
  try {
    const { classes, inputBytes, outputBytes } = await filterStream(body, response, level, controller.signal);
    response.end();
    console.log(`level ${level}: ${inputBytes} bytes before, ${outputBytes} after, ${classes.kept} pages kept`);
  } catch (error) {
    if (!(error instanceof DumpError)) console.error(error);
    else console.error(`${error.code}: ${error.message}`);
    // Whoever has a part of the dump sees that it is cut off.
    if (response.headersSent || response.destroyed) return response.destroy();
    const code = error instanceof DumpError ? error.code : "INTERNAL";
    const status = DUMPS_FAULT.includes(code) ? 422 : code === "NO_SPACE" ? 507 : 500;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ code, message: error instanceof DumpError ? error.message : "it failed" })}\n`);
  }
}

const server = createServer(handle);
// Large dumps over slow lines: a minute without a byte ends a request, however long the whole takes.
server.requestTimeout = 0;
server.timeout = 60_000;
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => console.log(`port ${server.address().port}`));
process.once("SIGTERM", async () => {
  server.close();
  server.closeAllConnections();
  await workers.destroy();
});
