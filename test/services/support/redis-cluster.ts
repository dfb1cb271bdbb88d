/** A Redis Cluster of three nodes on this host, which ends with the test file. */
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { folder, start, until } from "./queue.js";
import { freePort } from "./tls-redis.js";

export interface RedisCluster {
  /** Of a node that does not have the queue's keys. */
  readonly url: string;
  /** Address of the node that has them. */
  readonly owner: string;
  readonly ports: readonly number[];
}

export async function redisCluster(password: string, key: string): Promise<RedisCluster> {
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const port of ports) {
    const dir = mkdtempSync(join(folder, "cluster-"));
    const secret = ["--requirepass", password, "--masterauth", password];
    const cluster = ["--cluster-enabled", "yes", "--cluster-port", `${await freePort()}`];
    start("redis-server", [
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      dir,
      "--save",
      "",
      ...cluster,
      ...secret,
    ]);
  }
  const nodes = ports.map((port) => {
    const node = new Redis({ port, password, maxRetriesPerRequest: null });
    node.on("error", () => undefined);
    return node;
  });
  await Promise.all(nodes.map((node) => node.ping()));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const made = spawnSync(
    "redis-cli",
    ["--no-auth-warning", "-a", password, "--cluster", "create", ...addresses, "--cluster-yes"],
    { encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(made.stdout + made.stderr);
  const ready = async (node: Redis) => String(await node.cluster("INFO")).includes("cluster_state:ok");
  await until(async () => (await Promise.all(nodes.map(ready))).every(Boolean));
  const said = await (nodes[0] as Redis).set(key, "x").catch((error: Error) => error.message);
  const owner = /^MOVED \d+ (\S+)$/.exec(said)?.[1] ?? (addresses[0] as string);
  const other = addresses.find((address) => address !== owner);
  for (const node of nodes) node.disconnect();
  return { url: `redis://:${password}@${other}`, owner, ports };
}
