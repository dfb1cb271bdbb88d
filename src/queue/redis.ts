import { createConnection } from "node:net";
import type { Cluster, Redis } from "ioredis";
import { DumpError, systemErrorCode } from "../errors.js";
import { OPTION } from "../option-words.js";
import { tlsProblem } from "../store/tls-problem.js";
import type { QueueLibrary } from "./load-bullmq.js";

/** One server, or a cluster of them. */
export type RedisConnection = Redis | Cluster;

/** Milliseconds that commands of people wait for Redis. */
const PATIENCE = 10_000;

/** Errors after which there is nothing to wait for. */
const NOBODY_THERE: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT", "ENOTFOUND"]);

/** An address without what is secret in it, for messages. */
export function hidden(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@").replace(/([?&][^=&]*(?:pass|token|secret)[^=&]*=)[^&]*/gi, "$1***");
}

const pause = (times: number) => Math.min(200 * times, 2000);
/** Commands wait until Redis is back, however long that takes: BullMQ demands it of workers. */
const PATIENT = { maxRetriesPerRequest: null } as const;

/**
 * Connects to Redis; to all of a cluster where the address is that of one of its nodes. Throws `NOT_READABLE` where it does not answer, or will not
 * serve this host.
 */
export async function openRedis(library: QueueLibrary, url: string): Promise<RedisConnection> {
  const redis = connect(library, url);
  try {
    const info = await answers(redis, url);
    if (!url.startsWith("unix:") && infoValue(info, "cluster_enabled") === "1") {
      redis.disconnect();
      return await openCluster(library, url);
    }
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

/** Throws `BAD_OPTION` for a Redis that removes keys when its memory is full: jobs would vanish, and locks with them. */
export async function checkEviction(redis: RedisConnection, url: string): Promise<void> {
  const nodes = "nodes" in redis ? redis.nodes("master") : [redis];
  for (const node of nodes) {
    const info = await node.info("memory");
    const policy = infoValue(info, "maxmemory_policy");
    if (policy === undefined || policy === "noeviction" || Number(infoValue(info, "maxmemory") ?? 0) === 0) continue;
    const { host, port } = node.options;
    throw new DumpError("BAD_OPTION", `this Redis removes keys when its memory is full (maxmemory-policy ${policy})`, {
      file: "nodes" in redis ? `${host}:${port}` : hidden(url),
      cure: "Set `maxmemory-policy noeviction` in redis.conf, or by `redis-cli CONFIG SET`: a queue must not lose jobs",
    });
  }
}

function infoValue(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1];
}

/** ioredis does not read addresses of sockets. */
function connect({ Redis }: QueueLibrary, url: string): Redis {
  const { pathname, username, password } = new URL(url);
  const options = { ...PATIENT, retryStrategy: pause };
  const redis = url.startsWith("unix:")
    ? new Redis({ path: pathname, ...credentials(username, password), ...options })
    : new Redis(url, options);
  // What is wrong shows in the commands; without a listener the process would end.
  redis.on("error", () => undefined);
  return redis;
}

/** Nodes may name addresses for themselves that lead nowhere from here. */
async function openCluster(library: QueueLibrary, url: string): Promise<Cluster> {
  const cluster = connectCluster(library, url);
  let last: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  cluster.on("node error", (error) => {
    last = error;
  });
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(last ?? new Error(`no answer in ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    await Promise.race([cluster.ping(), late]);
    return cluster;
  } catch (error) {
    cluster.disconnect();
    const said = error instanceof Error ? error.message : String(error);
    throw new DumpError("NOT_READABLE", `the nodes of this Redis Cluster do not answer: ${hidden(said)}`, {
      file: hidden(url),
      cure: "Check that this host reaches every address that `redis-cli cluster nodes` lists (cluster-announce-ip)",
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

function connectCluster({ Cluster }: QueueLibrary, url: string): Cluster {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const cluster = new Cluster([{ host, port: port === "" ? 6379 : Number(port) }], {
    clusterRetryStrategy: pause,
    // While another node takes over for one that died, commands wait as they do for a single server.
    ...{ maxRedirections: Number.POSITIVE_INFINITY, retryDelayOnMoved: 50 },
    ...{ retryDelayOnFailover: 200, retryDelayOnClusterDown: 200 },
    // Names stay names: certificates are made out to them.
    dnsLookup: (address, found) => found(null, address),
    redisOptions: {
      ...PATIENT,
      ...credentials(username, password),
      ...(protocol === "rediss:" ? { tls: {} } : {}),
    },
  });
  cluster.on("error", () => undefined);
  return cluster;
}

function credentials(username: string, password: string): { readonly username?: string; readonly password?: string } {
  return {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}

/** What Redis says of itself. */
async function answers(redis: Redis, url: string): Promise<string> {
  let last: unknown;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    redis.on("error", (error: unknown) => {
      last = error;
      const isLasting =
        NOBODY_THERE.has(systemErrorCode(error) ?? "") || tlsProblem(error, "redis", "REDIS_URL") !== undefined;
      if (isLasting) reject(error);
    });
    redis.once("close", () => {
      greeting(url).then((said) => {
        if (said.startsWith(DENIED)) reject(new ProtectedMode(said));
      });
    });
    timer = setTimeout(() => reject(last ?? new Error(`no answer in ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    return await Promise.race([redis.info(), late]);
  } catch (error) {
    throw noAnswer(error, url);
  } finally {
    clearTimeout(timer);
  }
}

function noAnswer(error: unknown, url: string): DumpError {
  if (error instanceof ProtectedMode) {
    return new DumpError("NOT_READABLE", "Redis is in protected mode: it serves its own host only", {
      file: hidden(url),
      cure: "Give it a password (`requirepass` in redis.conf) and write redis://:PASSWORD@host:6379; let only workers and those who submit reach it",
      cause: error,
    });
  }
  const tls = tlsProblem(error, "redis", "REDIS_URL");
  const said = error instanceof Error ? error.message : String(error);
  const why = tls?.what ?? (redisCode(error) === "NOAUTH" ? "it wants a password" : said);
  return new DumpError("NOT_READABLE", `Redis does not answer: ${hidden(why)}`, {
    file: hidden(url),
    cure:
      tls?.cure ??
      `Check that it runs, its address (${OPTION.redis} or REDIS_URL; rediss:// where it speaks TLS, and only there) and its password`,
  });
}

/** A server in protected mode says so unasked, and ends the connection; ioredis drops what nobody asked for. */
const DENIED = "-DENIED ";

class ProtectedMode extends Error {}

/** Redis's errors have their codes as first words ("Error replies" of its protocol), and ioredis passes them on so. */
function redisCode(error: unknown): string | undefined {
  return error instanceof Error ? /^[A-Z]+(?= )/.exec(error.message)?.[0] : undefined;
}

/** Milliseconds that a server has to say something unasked. */
const GREETING = 2000;

/** The beginning of what a server says unasked; one that is well says nothing. Only plain connections are asked. Never throws. */
function greeting(url: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "redis:") return Promise.resolve("");
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const socket = createConnection({ host, port: port === "" ? 6379 : Number(port) });
    let said = "";
    const end = () => {
      socket.destroy();
      resolve(said);
    };
    socket.setTimeout(GREETING, end);
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
      if (said.length >= DENIED.length) end();
    });
    socket.on("error", end);
    socket.on("close", end);
  });
}
