/** Redis as fleets have it: a cluster, and servers that are set up so that a queue cannot live in them. */
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { coresieve, coresieveLater, folder, hasRedis, share, start, worker } from "./support/queue.js";
import { redisCluster } from "./support/redis-cluster.js";
import { freePort } from "./support/tls-redis.js";

const input = join(share, "vmcore");
const output = join(share, "out");

describe.skipIf(!hasRedis)("with redis-server (skipped where it is not installed)", () => {
  beforeAll(async () => copyFileSync((await realDump("tiny-x86-6.1")).vmcore, input));

  test("a cluster of three nodes, named by one that has none of the keys: two workers, a worker that is killed, jobs", async () => {
    const cluster = await redisCluster("secret-of-the-test", "{coresieve}:any");
    const id = await submitted(cluster.url, "-l", "--shards", "4");
    const victim = worker({ redis: cluster.url, killAt: "after rename shard-0001.size" });
    expect(await victim.ended).toBe("SIGKILL");
    const others = [worker({ redis: cluster.url }), worker({ redis: cluster.url })];
    const watched = await coresieveLater(cluster.url, "jobs", "watch", id);
    expect(watched).toMatchObject({ code: 0, said: expect.stringContaining("done: ") });
    const whole = join(folder, "whole");
    expect(coresieve(cluster.url, input, whole, "-f", "-q", "-l")).toMatchObject({ code: 0 });
    expect(readFileSync(output).equals(readFileSync(whole))).toBe(true);
    expect(existsSync(`${output}.coresieve-${id}`)).toBe(false);
    // Cancelled, found by the beginning of its ID, listed.
    for (const { child } of others) child.kill("SIGTERM");
    expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0]);
    const next = await submitted(cluster.url, "-p", "-f");
    expect(coresieve(cluster.url, "jobs", "cancel", next.slice(0, 8))).toMatchObject({ code: 0 });
    expect(coresieve(cluster.url, "jobs").stdout).toMatch(new RegExp(`^${id} done: .*\n$`));
    // All on one node.
    const sizes = new Map<string, number>();
    for (const port of cluster.ports) {
      const node = new Redis({ port, password: "secret-of-the-test" });
      sizes.set(`127.0.0.1:${port}`, await node.dbsize());
      node.disconnect();
    }
    expect([...sizes].filter(([, size]) => size > 0).map(([address]) => address)).toEqual([cluster.owner]);
  });

  test.each(["allkeys-lru", "volatile-ttl"])(
    "a server that removes keys when its memory is full (%s) is named with the cure",
    async (policy) => {
      const url = await server("--maxmemory", "64mb", "--maxmemory-policy", policy);
      const refused = {
        code: 2,
        stderr: expect.stringMatching(
          new RegExp(
            `removes keys when its memory is full \\(maxmemory-policy ${policy}\\). Set .maxmemory-policy noeviction`,
          ),
        ),
      };
      expect(coresieve(url, "submit", input, output)).toMatchObject(refused);
      expect(coresieve(url, "worker", "--allow", share)).toMatchObject(refused);
      // Who looks may.
      expect(coresieve(url, "jobs")).toMatchObject({ code: 0, stdout: "no runs\n" });
      const client = new Redis(url);
      await client.config("SET", "maxmemory-policy", "noeviction");
      expect(coresieve(url, "submit", input, output, "-q")).toMatchObject({ code: 0, stderr: "" });
      // Without a limit nothing is removed, whatever the policy. (BullMQ warns all the same.)
      await client.config("SET", "maxmemory-policy", policy, "maxmemory", "0");
      expect(coresieve(url, "submit", input, output, "-q")).toMatchObject({ code: 0 });
      client.disconnect();
    },
  );

  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;

  test.skipIf(address === undefined)(
    "a server in protected mode is named with the cure (skipped without a network)",
    async () => {
      const port = await freePort();
      start("redis-server", ["--port", `${port}`, "--bind", address as string, "127.0.0.1", "--save", ""]);
      await answering(`redis://127.0.0.1:${port}`);
      expect(coresieve(`redis://${address}:${port}`, "jobs")).toMatchObject({ code: 1, stderr: PROTECTED });
    },
  );

  const PROTECTED = expect.stringMatching(
    /^coresieve: redis:\/\/\S+: Redis is in protected mode: it serves its own host only\. Give it a password [^\n]*\n$/,
  );

  test("what a server in protected mode answers, word for word", async () => {
    const answer =
      "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set.\r\n";
    const fake = createServer((socket) => void socket.on("error", () => undefined).end(answer));
    await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void fake.close());
    const at = fake.address();
    const port = typeof at === "object" && at !== null ? at.port : 0;
    const { code, said } = await coresieveLater(`redis://127.0.0.1:${port}`, "jobs");
    expect({ code, stderr: said }).toEqual({ code: 1, stderr: PROTECTED });
  });
});

async function submitted(redis: string, ...options: string[]): Promise<string> {
  const { code, said } = await coresieveLater(redis, "submit", input, output, "--json", ...options);
  expect({ code, said }).toMatchObject({ code: 0 });
  return (JSON.parse(said) as { readonly id: string }).id;
}

/** A server with these settings, on a port of this host. */
async function server(...settings: string[]): Promise<string> {
  const port = await freePort();
  start("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", ...settings]);
  const url = `redis://127.0.0.1:${port}`;
  await answering(url);
  return url;
}

async function answering(url: string): Promise<void> {
  const client = new Redis(url, { maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  await client.ping();
  client.disconnect();
}
