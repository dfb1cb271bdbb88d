// Servers, workers and networks for the benchmarks of several hosts. Linux only; namespaces need root.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as s3 from "@aws-sdk/client-s3";
import { Redis } from "ioredis";

// It says so at each start, for each client.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
export const PROGRAM = here("../../dist/cli/main.js");
const SWIFT = here("../../test/services/swift-server.py");
export const BUCKET = "dumps";
/** This host, where a server is to be of it. */
export const LOCAL = { by: [], address: "127.0.0.1" };

/** What must not outlive this process, however it ends. */
const leftovers = new Set();
process.on("exit", () => {
  for (const remove of leftovers) remove();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** A folder that goes with this process. */
export function temporaryFolder(within, name) {
  const folder = mkdtempSync(join(within, name));
  leftovers.add(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

const ip = (...args) => {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
};

/** A bridge, and a network namespace for each name, connected to it. Returns where to start what belongs to a host, and its address. */
export function network(names) {
  const own = `cb${process.pid % 1000000}`;
  const net = `10.232.${process.pid % 250}`;
  const bridge = `${own}b`;
  leftovers.add(() => {
    for (const { name } of places.values()) spawnSync("ip", ["netns", "del", name]);
    spawnSync("ip", ["link", "del", bridge]);
  });
  const places = new Map(names.map((name, i) => [name, { name: `${own}-${i}`, address: `${net}.${i + 1}` }]));
  ip("link", "add", bridge, "type", "bridge");
  ip("addr", "add", `${net}.254/24`, "dev", bridge);
  ip("link", "set", bridge, "up");
  for (const { name, address } of places.values()) {
    ip("netns", "add", name);
    ip("link", "add", `${name}e`, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", `${name}e`, "master", bridge, "up");
    ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    for (const device of ["lo", "eth0"]) ip("-n", name, "link", "set", device, "up");
  }
  return (host) => {
    const { name, address } = places.get(host);
    return { by: ["ip", "netns", "exec", name], address };
  };
}

function start([command, ...args], { env, input = "ignore" } = {}) {
  const child = spawn(command, args, { stdio: [input, "pipe", "pipe"], env: { ...process.env, ...env } });
  const kill = () => child.kill("SIGKILL");
  leftovers.add(kill);
  let said = "";
  child.stderr.on("data", (text) => {
    said = `${said}${text}`.slice(-4000);
  });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  ended.then(() => leftovers.delete(kill));
  return { child, pid: child.pid, ended, said: () => said };
}

/** OpenStack Swift with an empty bucket, below a folder. */
export async function startSwift(folder, { by, address } = LOCAL) {
  mkdirSync(folder);
  const server = start([...by, "/usr/bin/python3", SWIFT, folder, `${address}:0`], { input: "pipe" });
  const line = await Promise.race([
    new Promise((resolve) => createInterface(server.child.stdout).once("line", resolve)),
    server.ended.then(() => Promise.reject(new Error(`Swift did not start: ${server.said()}`))),
  ]);
  const { pid, ...at } = JSON.parse(line);
  const { client, ...store } = await storeAt(at);
  return {
    ...store,
    ...{ client, pid },
    /** Requests by operation since the last question: {requests, received, sent}. */
    counts: async () => (await fetch(`${store.endpoint}/.counts`)).json(),
    async stop() {
      client.destroy();
      server.child.stdin.end();
      await server.ended;
    },
  };
}

/** Another S3 server, that runs already: its keys are in the environment. The bucket must be new. */
export async function otherStore(endpoint) {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region } = process.env;
  return storeAt({ endpoint, accessKeyId, secretAccessKey, region: region ?? "us-east-1" });
}

/** An S3 server with an empty bucket. */
async function storeAt({ endpoint, accessKeyId, secretAccessKey, region }) {
  const credentials = { accessKeyId, secretAccessKey };
  const client = new s3.S3Client({
    ...{ endpoint, region, credentials },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  await client.send(new s3.CreateBucketCommand({ Bucket: BUCKET }));
  const left = async () => {
    const { Contents = [] } = await client.send(new s3.ListObjectsV2Command({ Bucket: BUCKET, Prefix: "out" }));
    const { Uploads = [] } = await client.send(new s3.ListMultipartUploadsCommand({ Bucket: BUCKET }));
    return [...Contents, ...Uploads].map(({ Key }) => Key);
  };
  return {
    ...{ endpoint, client, left },
    /** What makes a program use it. */
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: region,
      AWS_EC2_METADATA_DISABLED: "true",
    },
    put: (path, key) => putFile(client, path, key),
    sha256: (key) => objectSha256(client, key),
    remove: (key) => client.send(new s3.DeleteObjectCommand({ Bucket: BUCKET, Key: key })),
  };
}

const PART = 64 << 20;

/** Uploads a file in parts of 64 MiB: no store takes one of more than 5 GiB in one request. */
async function putFile(client, path, key) {
  const at = { Bucket: BUCKET, Key: key };
  const file = await open(path);
  const { size } = statSync(path);
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(at));
  const Parts = [];
  for (let offset = 0; offset < size; offset += PART) {
    const Body = Buffer.alloc(Math.min(PART, size - offset));
    await file.read(Body, 0, Body.length, offset);
    const PartNumber = Parts.length + 1;
    const { ETag } = await client.send(new s3.UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
    Parts.push({ PartNumber, ETag });
  }
  await file.close();
  await client.send(new s3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
}

async function objectSha256(client, key) {
  const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: BUCKET, Key: key }));
  const hash = createHash("sha256");
  for await (const chunk of Body) hash.update(chunk);
  return hash.digest("hex");
}

export async function fileSha256(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("hex");
}

/** Runs a program of bench/ to its end. */
export function node(name, ...args) {
  return execFileSync(process.execPath, [here(name), ...args], { encoding: "utf8" });
}

/** A link to a port of this host: see link.mjs. */
export async function startLink(port, rtt, mbit) {
  const link = start([process.execPath, here("link.mjs"), port, rtt, mbit].map(String), { input: "pipe" });
  const line = await new Promise((resolve) => createInterface(link.child.stdout).once("line", resolve));
  return {
    endpoint: `http://127.0.0.1:${line}`,
    async stop() {
      link.child.stdin.end();
      await link.ended;
    },
  };
}

/** A Redis server that remembers through a restart, as docs/dev/scale.md says. */
export async function startRedis(folder, { by, address } = LOCAL) {
  mkdirSync(folder);
  const socket = join(folder, "s");
  // On this host by its socket: no port is in the way of another server.
  const net = by.length > 0 ? ["--port", "6397", "--bind", address, "--protected-mode", "no"] : ["--port", "0"];
  const args = [...net, "--unixsocket", socket, "--dir", folder];
  const server = start([...by, "redis-server", ...args, "--appendonly", "yes", "--save", ""]);
  const client = new Redis({ path: socket, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  await client.ping();
  return {
    ...{ pid: server.pid, socket },
    url: by.length > 0 ? `redis://${address}:6397` : `unix://${socket}`,
    /** Commands by name since the last question. */
    async commands() {
      const text = await client.info("commandstats");
      await client.config("RESETSTAT");
      return Object.fromEntries(
        [...text.matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)].map(([, name, n]) => [name, Number(n)]),
      );
    },
    async stop() {
      client.disconnect();
      server.child.kill("SIGTERM");
      await server.ended;
    },
  };
}

/** A worker of the queue. Resolves when it waits for jobs. */
export async function startWorker({ by = [], env, args }) {
  const worker = start([...by, process.execPath, PROGRAM, "worker", ...args], { env });
  await new Promise((resolve, reject) => {
    worker.child.stderr.on("data", (text) => {
      if (String(text).includes("waits for jobs")) resolve();
    });
    worker.ended.then(() => reject(new Error(`a worker ended: ${worker.said()}`)), reject);
  });
  return {
    ...worker,
    async stop() {
      worker.child.kill("SIGTERM");
      await worker.ended;
    },
  };
}

/** Runs the command line to its end; what it said on stdout. */
export function coresieve(args, { by = [], env = {} } = {}) {
  const [command, ...rest] = [...by, process.execPath, PROGRAM, ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8", env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`coresieve ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** User and system seconds of a process with all its threads (10 ms exact). */
export function cpuSeconds(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Peak memory of a process, in MiB. */
export function peakMib(pid) {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]) / 1024;
}
