// Object to object, and by the queue, beside file to file: node bench/object-speed.mjs --help

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as send } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runProgram } from "../dist/bench/run-program.js";
import {
  BUCKET,
  cpuSeconds,
  fileSha256,
  node,
  PROGRAM,
  peakMib,
  startRedis,
  startWorker,
  temporaryFolder,
} from "./support/cluster.mjs";
import { flag, readOptions, text, whole } from "./support/options.mjs";

const HELP = `node bench/object-speed.mjs [DUMP] [options]: what a store costs a run

Filters DUMP (default: a synthetic one of 5 GiB, --kept 0.03) at level 31 with
LZO in rounds: from file to file, from object to object, and with --queue by a
queue with one worker that waits for jobs. The store is one process on this
host that keeps objects in memory, and the dump in its file, and looks at no
digest: what a run takes of it is what another host's store would take. Ratios
are within a round, medians of them; memory is the highest peak of the process.
Every output must have the digest of the first file's. "plain" is the floor: a
process that makes the requests of a run from object to object again, and does
nothing with what it gets; "server CPU" is what the store itself takes of this
host. Needs npm run build; --queue redis-server.

  --rounds N       (default 5)
  --queue          also submit --wait with one worker, 1 shard and auto
  --requests       print the requests of one run, with their times
  --level N        (default 31)
  --folder DIR     for everything (default: the system's folder for such)
  --help           print this text
`;

if (process.argv[2] === "serve") serve(process.argv[3]);
else if (process.argv[2] === "plain") await plain(process.argv[3]);
else await main();

/** The bytes of a run's requests once more, by the simplest client: six GETs and three PUTs at once. */
async function plain(list) {
  const agent = new Agent({ keepAlive: true });
  const ask = (method, range, bytes, i) =>
    new Promise((resolve, reject) => {
      const path = method === "GET" ? `/${BUCKET}/in/vmcore` : `/${BUCKET}/out/plain-${i}`;
      const options = { agent, method, path, headers: method === "GET" ? { range } : { "content-length": bytes } };
      const asked = send(process.env.AWS_ENDPOINT_URL, options, (answer) => {
        answer.on("data", () => undefined).on("end", resolve);
      });
      asked.on("error", reject).end(method === "GET" ? undefined : Buffer.alloc(bytes, 7));
    });
  const all = JSON.parse(readFileSync(list, "utf8"));
  const some = async (method, inFlight) => {
    const own = all.filter(([one]) => one === method).entries();
    const one = async () => {
      for (const [i, [, range, bytes]] of own) await ask(method, range, bytes, i);
    };
    await Promise.all(Array.from({ length: inFlight }, one));
  };
  await Promise.all([some("GET", 6), some("PUT", 3)]);
  process.exit();
}

/** The least of S3 that a run asks for. Parts and small objects are in memory; "in/vmcore" is the file. */
function serve(dump) {
  const fd = openSync(dump, "r");
  const { size } = statSync(dump);
  const objects = new Map();
  const uploads = new Map();
  let log = [];
  let ids = 0;
  const bytesOf = ({ bytes, start = 0 }, from, to) => {
    if (bytes !== undefined) return bytes.subarray(from, to);
    const into = Buffer.allocUnsafe(to - from);
    readSync(fd, into, 0, into.length, start + from);
    return into;
  };
  const lookUp = (name) =>
    name === `${BUCKET}/in/vmcore` ? { size, etag: '"in"', modified: new Date(0) } : objects.get(name);
  const keep = (name, bytes, mark) => {
    const etag = `"${++ids}-0"`;
    objects.set(name, { bytes, size: bytes.length, etag, modified: new Date(), mark });
    return etag;
  };
  const server = createServer((request, response) => {
    const began = performance.timeOrigin + performance.now();
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => answer(request, response, Buffer.concat(chunks), began));
  });
  const answer = ({ method, url, headers }, response, body, began) => {
    const { pathname, searchParams: query } = new URL(url, "http://store");
    const name = decodeURIComponent(pathname.slice(1));
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    log.push([began, method, url.replace(`/${BUCKET}`, ""), headers.range ?? "", body.length]);
    const say = (status, more = {}, content = "") => {
      response.writeHead(status, { "content-length": content.length, ...more });
      response.end(method === "HEAD" ? "" : content);
    };
    const fail = (status, code) => say(status, {}, `<Error><Code>${code}</Code><Message>no</Message></Error>`);
    const found = lookUp(name);
    const upload = uploads.get(query.get("uploadId"));
    if (query.has("uploadId") && upload === undefined) return fail(404, "NoSuchUpload");
    if (method === "GET" && query.has("list-type")) {
      const begins = `${BUCKET}/${query.get("prefix") ?? ""}`;
      const listed = [...objects]
        .filter(([one]) => one.startsWith(begins))
        .map(
          ([one, { size: length, modified }]) =>
            `<Contents><Key>${one.slice(BUCKET.length + 1)}</Key><Size>${length}</Size><LastModified>${modified.toISOString()}</LastModified></Contents>`,
        );
      return say(200, {}, `<ListBucketResult>${listed.join("")}<IsTruncated>false</IsTruncated></ListBucketResult>`);
    }
    if (method === "GET" && query.has("uploads"))
      return say(200, {}, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
    if (method === "GET" && upload !== undefined) {
      const parts = [...upload.parts].map(
        ([n, { bytes, etag }]) =>
          `<Part><PartNumber>${n}</PartNumber><Size>${bytes.length}</Size><ETag>${etag}</ETag></Part>`,
      );
      return say(200, {}, `<ListPartsResult>${parts.join("")}<IsTruncated>false</IsTruncated></ListPartsResult>`);
    }
    if (method === "HEAD" || method === "GET") {
      if (found === undefined) return fail(404, "NoSuchKey");
      const head = { etag: found.etag, ...(found.mark && { "x-amz-meta-coresieve-run": found.mark }) };
      if (method === "HEAD") return say(200, { ...head, "content-length": found.size });
      if (headers["if-match"] && headers["if-match"] !== found.etag) return fail(412, "PreconditionFailed");
      const [from, to] = start === undefined ? [0, found.size] : [Number(start), Math.min(Number(end) + 1, found.size)];
      if (from >= to) return fail(416, "InvalidRange");
      return say(206, { ...head, "content-range": `bytes ${from}-${to - 1}/${found.size}` }, bytesOf(found, from, to));
    }
    const mark = headers["x-amz-meta-coresieve-run"];
    if (method === "PUT" && upload !== undefined) {
      const etag = `"${++ids}-0"`;
      upload.parts.set(Number(query.get("partNumber")), { bytes: body, etag });
      return say(200, { etag });
    }
    if (headers["if-none-match"] && found !== undefined) return fail(412, "PreconditionFailed");
    if (method === "PUT") return say(200, { etag: keep(name, body, mark) });
    if (method === "POST" && query.has("uploads")) {
      const id = `upload-${++ids}`;
      uploads.set(id, { parts: new Map(), mark });
      return say(200, {}, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    if (method === "POST") {
      const wanted = [...body.toString().matchAll(/<PartNumber>(\d+)/g)].map(
        ([, n]) => upload.parts.get(Number(n)).bytes,
      );
      uploads.delete(query.get("uploadId"));
      return say(
        200,
        {},
        `<CompleteMultipartUploadResult><ETag>${keep(name, Buffer.concat(wanted), upload.mark)}</ETag></CompleteMultipartUploadResult>`,
      );
    }
    if (upload !== undefined) uploads.delete(query.get("uploadId"));
    else objects.delete(name);
    return say(204);
  };
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.on("message", (what) => {
    if (what === "log") {
      process.send({ log });
      log = [];
      return;
    }
    const out = [...objects].find(([name]) => name === `${BUCKET}/${what}`)?.[1].bytes;
    process.send({
      sha256: out && createHash("sha256").update(out).digest("hex"),
      left: objects.size + uploads.size - 1,
    });
    objects.clear();
    uploads.clear();
  });
}

async function main() {
  const options = {
    rounds: whole(5, 1),
    queue: flag(),
    requests: flag(),
    level: whole(31, 0, 31),
    folder: text(tmpdir()),
  };
  const { values, files } = readOptions(HELP, options, [0, 1]);
  const folder = temporaryFolder(values.folder, "coresieve-objects-");
  let dump = files[0] && resolve(files[0]);
  if (dump === undefined) {
    dump = join(folder, "vmcore");
    node("../synthetic.mjs", dump, "--size", "5G", "--kept", "0.03");
  }
  const store = fork(new URL(import.meta.url).pathname, ["serve", dump]);
  process.on("exit", () => store.kill());
  const said = () => new Promise((done) => store.once("message", done));
  const ask = (what) => {
    const answer = said();
    store.send(what);
    return answer;
  };
  const { port } = await said();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    ...{ AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "none at all", AWS_REGION: "us-east-1" },
  });
  const [from, to] = [`s3://${BUCKET}/in/vmcore`, `s3://${BUCKET}/out`];
  const out = join(folder, "out");
  const filter = ["-l", "-d", String(values.level)];
  const ways = [
    ["file to file", [dump, out, "-q", ...filter]],
    ["object to file", [from, out, "-q", ...filter]],
    ["file to object", [dump, to, "-q", ...filter]],
    ["object to object", [from, to, "-q", ...filter]],
  ];
  let worker;
  if (values.queue) {
    const redis = await startRedis(join(folder, "redis"));
    process.env.REDIS_URL = redis.url;
    worker = await startWorker({ args: ["--allow", `s3://${BUCKET}/`, "--spool-dir", folder] });
    for (const shards of ["1", "auto"])
      ways.push([`queue, shards ${shards}`, ["submit", from, to, "--wait", "--again", ...filter, "--shards", shards]]);
  }
  const same = join(folder, "requests.json");
  ways.push(["plain", undefined]);
  const found = new Map(ways.map(([name]) => [name, []]));
  let expected;
  for (let round = -1; round < values.rounds; round++) {
    for (const [name, args] of ways) {
      const serverBefore = cpuSeconds(store.pid);
      const self = new URL(import.meta.url).pathname;
      const program = args === undefined ? [self, "plain", same] : [PROGRAM, ...args];
      const run = await runProgram({ file: process.execPath, args: program });
      if (run.failure !== undefined) throw new Error(`${name}: ${run.failure}`);
      const server = cpuSeconds(store.pid) - serverBefore;
      const { log } = await ask("log");
      if (name === "object to object") {
        const requests = log.map(([, method, url, range, bytes]) => [method, range, bytes, url]);
        const bodies = requests.filter(([method, range, bytes]) => (method === "GET" ? range !== "" : bytes > 0));
        writeFileSync(same, JSON.stringify(bodies.filter(([method]) => method === "GET" || method === "PUT")));
      }
      if (args === undefined) {
        await ask("out");
        if (round >= 0)
          found.get(name).push({ wall: run.wall, cpu: run.cpu, server, requests: log.length, peak: run.rss / 2 ** 20 });
        continue;
      }
      const inStore = args.includes(to);
      const { sha256, left } = inStore ? await ask("out") : { sha256: await fileSha256(out), left: 0 };
      expected ??= sha256;
      if (sha256 !== expected || left !== 0) throw new Error(`${name}: ${sha256} and not ${expected}; ${left} left`);
      if (!inStore) rmSync(out);
      if (round >= 0)
        found.get(name).push({
          ...{ wall: run.wall, cpu: run.cpu, server, requests: log.length },
          peak: name.startsWith("queue") ? peakMib(worker.pid) : run.rss / 2 ** 20,
        });
      else if (values.requests) printLog(name, log);
    }
  }
  const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
  const base = found.get("file to file");
  const pair = found.get("object to object");
  console.log(`${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, medians of ${values.rounds} rounds\n`);
  const heads = ["wall by file to file", "CPU by file to file", "wall by object to object", "peak MiB"];
  console.log(`| run | wall s | CPU s | server CPU s | requests | ${heads.join(" | ")} |\n|${"---|".repeat(9)}`);
  for (const [name, runs] of found) {
    const of = (read) => middle(runs.map(read));
    const cells = [of(({ wall }) => wall), of(({ cpu }) => cpu), of(({ server }) => server)].map((n) => n.toFixed(2));
    const ratios = [
      of(({ wall }, i) => wall / base[i].wall),
      of(({ cpu }, i) => cpu / base[i].cpu),
      of(({ wall }, i) => wall / pair[i].wall),
    ].map((n) => n.toFixed(2));
    const peak = Math.max(...runs.map((run) => run.peak)).toFixed(0);
    // Of a queue the worker's CPU is not in it, and memory is the worker's since it started.
    if (name.startsWith("queue")) [cells[1], ratios[1]] = ["", ""];
    console.log(`| ${[name, ...cells, of(({ requests }) => requests), ...ratios, peak].join(" | ")} |`);
  }
  process.exit();
}

function printLog(name, log) {
  const first = log[0]?.[0] ?? 0;
  console.log(`\n${name}: ${log.length} requests`);
  for (const [time, ...rest] of log) console.log(`${(time - first).toFixed(1).padStart(8)} ms ${rest.join(" ")}`);
  console.log();
}
