/**
 * Workers as separate hosts: each in a network namespace of its own, with nothing in common but the network and the shared folder, or
 * the network and a store.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { realDump } from "../support/dumps.js";
import {
  coresieve,
  folder,
  hasRedis,
  isRoot,
  over,
  type RedisServer,
  redisServer,
  share,
  stateOf,
  submit,
  until,
  worker,
} from "./support/queue.js";
import { startSwift, swiftPresent } from "./support/swift.js";

const ip = (...args: string[]) => spawnSync("ip", args, { encoding: "utf8" });
// Another network of that number is hardly there; names are of this process.
const BRIDGE = `csb${process.pid % 100000}`;
const NET = `10.231.${process.pid % 250}`;
const HOSTS = [1, 2, 3].map((i) => `cs${process.pid % 100000}-${i}`);
const SERVERS = ["store", "queue"].map((_, i) => `cs${process.pid % 100000}-${HOSTS.length + i + 1}`);
const ALL = [...HOSTS, ...SERVERS];
const placeOf = (name: string) => ({ by: ["ip", "netns", "exec", name], address: `${NET}.${ALL.indexOf(name) + 1}` });

/** A bridge, and namespaces that are connected to it. Needs root, and a kernel that lets it. */
function network(): boolean {
  if (!hasRedis || !isRoot || ip("link", "add", BRIDGE, "type", "bridge").status !== 0) return false;
  const steps = [
    ["addr", "add", `${NET}.254/24`, "dev", BRIDGE],
    ["link", "set", BRIDGE, "up"],
  ];
  for (const name of ALL) {
    steps.push(
      ["netns", "add", name],
      ["link", "add", `${name}e`, "type", "veth", "peer", "name", "eth0", "netns", name],
    );
    steps.push(["link", "set", `${name}e`, "master", BRIDGE, "up"]);
    steps.push(
      ["-n", name, "addr", "add", `${placeOf(name).address}/24`, "dev", "eth0"],
      ["-n", name, "link", "set", "eth0", "up"],
      ["-n", name, "link", "set", "lo", "up"],
    );
  }
  return steps.every((step) => ip(...step).status === 0);
}

const connected = network();
afterAll(() => {
  for (const name of ALL) ip("netns", "del", name);
  ip("link", "del", BRIDGE);
});

/** A disk of 1 MiB. */
const small = join(folder, "small");
let full = false;
afterAll(() => {
  if (full) spawnSync("umount", [small]);
});

const BUCKET = "dumps";
const input = join(share, "vmcore");
const output = join(share, "out");
let redis: RedisServer;

beforeAll(async () => {
  if (!connected) return;
  redis = await redisServer(undefined, placeOf(SERVERS[1] as string));
  copyFileSync((await realDump("tiny-x86-6.1")).vmcore, input);
  mkdirSync(small);
  full = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).status === 0;
});

const host = (name: string, args: readonly string[] = [], allow = share) =>
  worker({ redis: redis.url, args, allow, by: placeOf(name).by });

function expectWhole(options: readonly string[]): void {
  const whole = join(folder, "whole");
  expect(coresieve(redis.url, input, whole, "-f", "-q", ...options).code).toBe(0);
  expect(readFileSync(output).equals(readFileSync(whole))).toBe(true);
  rmSync(output);
  expect(readdirSync(share)).toEqual(["vmcore"]);
}

// Without root, or where the kernel forbids namespaces, there are no hosts to be had.
describe.skipIf(!connected)("three hosts (skipped without redis-server, root, or network namespaces)", () => {
  test.each([[["-l", "-d", "1"]], [["-E"]]])("%j", async (options) => {
    const all = HOSTS.map((name) => host(name));
    const id = submit(redis.url, input, output, ...options, "--shards", "6");
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    expectWhole(options);
    for (const { child } of all) child.kill("SIGKILL");
    await Promise.all(all.map(({ ended }) => ended));
  });

  test("a host loses the network: others take over what it had", async () => {
    const options = ["-d", "0", "-z", "--compression-level", "19"];
    const [first, ...others] = HOSTS as [string, ...string[]];
    const lost = host(first);
    const id = submit(redis.url, input, output, ...options, "--shards", "4");
    await until(async () => (await stateOf(redis.url, id)).hosts.length > 0);
    expect(ip("link", "set", `${first}e`, "down").status).toBe(0);
    const rest = others.map((name) => host(name));
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    expect(ip("link", "set", `${first}e`, "up").status).toBe(0);
    for (const { child } of [lost, ...rest]) child.kill("SIGKILL");
    await Promise.all([lost, ...rest].map(({ ended }) => ended));
    expectWhole(options);
  });

  test("a worker's disk is full: the failure says so, and another makes the rest", async () => {
    expect(full).toBe(true);
    const options = ["-d", "0", "-l"];
    const bad = host(HOSTS[0] as string, ["--spool-dir", small]);
    const id = submit(redis.url, input, output, ...options, "--shards", "2");
    expect(await over(redis.url, id)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/shard 2 of 2 on \S+: \S*small: cannot be written: no space left.*\[NO_SPACE\]/),
    });
    bad.child.kill("SIGKILL");
    await bad.ended;
    const good = host(HOSTS[1] as string);
    expect(coresieve(redis.url, "jobs", "retry", id).code).toBe(0);
    expect(await over(redis.url, id)).toMatchObject({ state: "done" });
    good.child.kill("SIGKILL");
    await good.ended;
    expectWhole(options);
  });
});

describe.skipIf(!connected || !swiftPresent)(
  "three hosts and a store (skipped without Swift, or what hosts need)",
  () => {
    const object = `s3://${BUCKET}/out`;
    const at = { bucket: BUCKET, key: "out" };
    let swift: Awaited<ReturnType<typeof startSwift>>;
    let store: StoreThread;
    let all: ReturnType<typeof worker>[] = [];

    beforeAll(async () => {
      swift = await startSwift(BUCKET, placeOf(SERVERS[0] as string));
      await swift.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/vmcore", Body: readFileSync(input) }));
      store = openStore();
      all = HOSTS.map((name) => host(name, [], `s3://${BUCKET}/`));
    });
    afterAll(async () => {
      for (const { child } of all) child.kill("SIGKILL");
      await Promise.all(all.map(({ ended }) => ended));
      await store?.close();
      await swift?.stop();
    });

    // Level 0 takes several parts of 8 MiB. All codecs and 1 to 8 shards: bench/equal.mjs.
    test.each([
      [8, ["-d", "0", "--compress", "none"]],
      [1, ["-c"]],
      [3, ["-d", "1", "-l"]],
      [5, ["-d", "0", "-z"]],
      [6, ["-d", "0", "-E"]],
    ] as const)("%i shards, %j: the bytes of one machine", async (shards, options) => {
      const whole = join(folder, "whole");
      const done = coresieve(
        redis.url,
        "submit",
        `s3://${BUCKET}/in/vmcore`,
        object,
        "--wait",
        "--shards",
        `${shards}`,
        ...options,
      );
      expect(done.code, done.stderr).toBe(0);
      expect(coresieve(redis.url, input, whole, "-f", "-q", ...options).code).toBe(0);
      const found = await store.head(at);
      const bytes = Buffer.alloc(found?.size ?? 0);
      await store.read(at, 0, bytes, found?.etag ?? "");
      expect(bytes.equals(readFileSync(whole))).toBe(true);
      await store.remove(at);
      expect(await store.list({ bucket: BUCKET, key: "out" })).toEqual([]);
      expect(await store.listUploads({ bucket: BUCKET, key: "" })).toEqual([]);
    });
  },
);
