import { createConnection } from "node:net";
import type { Cluster, Redis } from "ioredis";
import { DumpError, systemErrorCode } from "../errors.js";
import { OPTION } from "../option-words.js";
import { shownAddress } from "../shown-address.js";
import { tlsProblem } from "../store/tls-problem.js";
import type { QueueLibrary } from "./load-bullmq.js";

/** One server, or a cluster of them. */
export type RedisConnection = Redis | Cluster;

/** How long users' commands wait for Redis, in milliseconds. */
const PATIENCE = 10_000;

/** Errors after which waiting is useless. */
const NOBODY_THERE: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT", "ENOTFOUND"]);

/** An address without its secrets, for messages. */
export function hidden(url: string): string {
  return shownAddress(url, /^\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]*/i);
}

/** What was said about an address, without the secrets of the addresses in it. */
function hiddenIn(said: string, url: string): string {
  return said.replaceAll(url, hidden(url)).replace(/\S*(?:@|:\/\/)\S*/g, hidden);
}

const pause = (times: number) => Math.min(200 * times, 2000);
/** Commands wait until Redis is reachable again, however long that takes: BullMQ requires that of workers. */
const PATIENT = { maxRetriesPerRequest: null } as const;

/**
 * Connects to Redis; to the whole cluster if the address is one of its nodes. Throws `NOT_READABLE` if it does not
 * answer, or refuses this host.
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

/** Throws `BAD_OPTION` for a Redis that removes keys when its memory is full: jobs and locks would disappear. */
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

/** ioredis does not support addresses of sockets. */
function connect({ Redis }: QueueLibrary, url: string): Redis {
  const { pathname, username, password } = new URL(url);
  const options = { ...PATIENT, retryStrategy: pause };
  const redis = url.startsWith("unix:")
    ? new Redis({ path: pathname, ...credentials(username, password), ...options })
    : new Redis(url, options);
  // Errors are reported by the commands; without a listener they would end the process.
  redis.on("error", () => undefined);
  return redis;
}

/** Connects to a cluster. Its nodes may have addresses that are not reachable from here. */
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
    throw new DumpError("NOT_READABLE", `the nodes of this Redis Cluster do not answer: ${hiddenIn(said, url)}`, {
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
    // Names are not resolved, because certificates are issued for names.
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

/** Waits for an answer of Redis. */
async function answers(redis: Redis, url: string): Promise<string> {
  let last: unknown;
  let timer: NodeJS.Timeout | undefined;
  let onError: (error: unknown) => void = () => undefined;
  let onClose: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    onError = (error) => {
      last = error;
      const isLasting =
        NOBODY_THERE.has(systemErrorCode(error) ?? "") || tlsProblem(error, "redis", "REDIS_URL") !== undefined;
      if (isLasting) reject(error);
    };
    onClose = () => {
      greeting(url).then((said) => {
        if (said.startsWith(DENIED)) reject(new ProtectedMode(said));
      });
    };
    timer = setTimeout(() => reject(last ?? new Error(`no answer in ${PATIENCE / 1000} s`)), PATIENCE);
  });
  redis.on("error", onError);
  redis.once("close", onClose);
  try {
    return await Promise.race([redis.info(), late]);
  } catch (error) {
    throw noAnswer(error, url);
  } finally {
    clearTimeout(timer);
    // Otherwise the end of the connection would open another one, which keeps the process for two seconds.
    redis.off("error", onError);
    redis.off("close", onClose);
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
  return new DumpError("NOT_READABLE", `Redis does not answer: ${hiddenIn(why, url)}`, {
    file: hidden(url),
    cure:
      tls?.cure ??
      `Check that it runs, its address (${OPTION.redis} or REDIS_URL; rediss:// where it speaks TLS, and only there) and its password`,
  });
}

/** A server in protected mode sends this without a request, and closes the connection; ioredis drops such messages. */
const DENIED = "-DENIED ";

class ProtectedMode extends Error {}

/**
 * The code of Redis's error, which is its first word ("Error replies" of its protocol); ioredis passes it on unchanged.
 */
function redisCode(error: unknown): string | undefined {
  return error instanceof Error ? /^[A-Z]+(?= )/.exec(error.message)?.[0] : undefined;
}

/** Milliseconds in which a server may send something without a request. */
const GREETING = 2000;

/**
 * The beginning of what a server sends without a request; mostly nothing. Only for connections without TLS. Never
 * throws.
 */
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
