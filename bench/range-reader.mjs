// What reading a store costs beside the simplest parallel reader of the same bytes: node bench/range-reader.mjs --help
import { execFileSync, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flag, readOptions, whole } from "./support/options.mjs";

const HELP = `node bench/range-reader.mjs [options]: reading by ranges, paired

A server in a process of its own gives ranges of one object (as S3 does, on
loopback). Each round three processes read all of it, one after the other:
"plain", the simplest node:http reader with some requests in flight; "http" and
"s3", coresieve's own way of reading a URL and an object: told what
comes, read in order by another thread than the one that fetches. CPU time is
the reader's alone, less what the same reader takes for one request. Needs npm
run build.

  --size N         megabytes (default 512)
  --request N      kilobytes of a request of the plain reader (default 830)
  --in-flight N    its requests at once (default 6)
  --rounds N       (default 5)
  --tls            all by https (needs openssl)
  --help           print this text
`;

const [role, ...rest] = process.argv.slice(2);
if (role === "serve") serve(Number(rest[0]), rest[1]);
else if (role === "read") await read(rest);
else await main();

function serve(size, keys) {
  const bytes = Buffer.alloc(1 << 20, "of a dump that has many pages ");
  const answer = (request, response) => {
    const [, first = "0", last = `${size - 1}`] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const [start, end] = [Number(first), Math.min(size, Number(last) + 1)];
    const head = {
      etag: '"0123456789abcdef0123456789abcdef"',
      "accept-ranges": "bytes",
      "content-length": end - start,
    };
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      ...head,
      "content-range": `bytes ${start}-${end - 1}/${size}`,
    });
    if (request.method === "HEAD") return response.end();
    let at = start;
    const more = () => {
      while (at < end) {
        const piece = bytes.subarray(at % bytes.length, Math.min(bytes.length, (at % bytes.length) + end - at));
        at += piece.length;
        if (!response.write(piece)) return response.once("drain", more);
      }
      response.end();
    };
    more();
  };
  const pair = (name) => readFileSync(join(keys, name));
  const server = keys
    ? https.createServer({ key: pair("key"), cert: pair("cert") }, answer)
    : http.createServer(answer);
  server.listen(0, "localhost", () => process.send(server.address().port));
}

async function read([how, at, size, request, inFlight]) {
  const total = Number(size);
  const started = performance.now();
  if (how === "plain") await readPlain(`${at}/bucket/dump`, total, Number(request), Number(inFlight));
  else await readAsRuns(how, at, total);
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  process.send({ wall: (performance.now() - started) / 1e3, cpu: (userCPUTime + systemCPUTime) / 1e6 });
  process.exit();
}

async function readPlain(url, total, request, inFlight) {
  const { Agent, get } = url.startsWith("https:") ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  let next = 0;
  const one = async () => {
    while (next < total) {
      const [start, end] = [next, Math.min(total, next + request)];
      next = end;
      const into = Buffer.allocUnsafe(end - start);
      await new Promise((resolve, reject) => {
        get(url, { agent, headers: { range: `bytes=${start}-${end - 1}` } }, (answer) => {
          let done = 0;
          answer.on("data", (chunk) => {
            into.set(chunk, done);
            done += chunk.length;
          });
          answer.on("end", () => (done === end - start ? resolve() : reject(new Error("cut off"))));
        }).on("error", reject);
      });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

async function readAsRuns(how, at, total) {
  const { openHttp, openObject } = await import("../dist/store/open-object.js");
  const { handleOf } = await import("../dist/store/remote-object.js");
  const { remoteSource } = await import("../dist/store/remote-source.js");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: at,
    ...{ AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "none at all", AWS_REGION: "us-east-1" },
  });
  const remote = how === "s3" ? await openObject("s3://bucket/dump") : await openHttp(`${at}/bucket/dump`);
  handleOf(remote).follow(Float64Array.of(0, total), true);
  const source = remoteSource(remote);
  const into = new Uint8Array(1 << 20);
  for (let done = 0; done < total; ) done += source.read(into.subarray(0, Math.min(into.length, total - done)), done);
}

async function main() {
  const { values } = readOptions(
    HELP,
    { size: whole(512, 1), request: whole(830, 1), "in-flight": whole(6, 1), rounds: whole(5, 1), tls: flag() },
    [0, 0],
  );
  const self = new URL(import.meta.url).pathname;
  const size = values.size * 1e6;
  const start = (...args) => fork(self, args.map(String));
  const said = (child) => new Promise((resolve, reject) => child.once("message", resolve).once("error", reject));
  const keys = values.tls ? makeKeys() : "";
  const server = start("serve", size, keys);
  const at = `${values.tls ? "https" : "http"}://localhost:${await said(server)}`;
  const ways = ["plain", "http", "s3"];
  const run = (how, bytes) => said(start("read", how, at, bytes, values.request * 1e3, values["in-flight"]));
  const found = Object.fromEntries(ways.map((how) => [how, []]));
  for (let round = 0; round < values.rounds; round++) {
    for (const how of ways) {
      const base = await run(how, 1);
      const all = await run(how, size);
      found[how].push({ wall: (all.wall - base.wall) / (size / 1e9), cpu: (all.cpu - base.cpu) / (size / 1e9) });
    }
  }
  server.kill();
  const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
  const of = (how, what) => middle(found[how].map((one) => one[what]));
  const ratio = (how, what) => middle(found[how].map((one, i) => one[what] / found.plain[i][what]));
  console.log("| reader | wall s per GB | CPU s per GB | wall by plain | CPU by plain |\n|---|---|---|---|---|");
  for (const how of ways) {
    const cells = [of(how, "wall"), of(how, "cpu"), ratio(how, "wall"), ratio(how, "cpu")].map((n) => n.toFixed(2));
    console.log(`| ${[how, ...cells].join(" | ")} |`);
  }
}

/** A key and its certificate; the readers, which are started later, trust it. */
function makeKeys() {
  const keys = mkdtempSync(join(tmpdir(), "coresieve-range-"));
  process.on("exit", () => rmSync(keys, { recursive: true }));
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "cert"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...names], { cwd: keys, stdio: "ignore" });
  process.env.NODE_EXTRA_CA_CERTS = join(keys, "cert");
  return keys;
}
