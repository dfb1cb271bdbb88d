/** Workers as separate hosts: each in a network namespace of its own, with nothing in common but the network and the shared folder. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

const ip = (...args: string[]) => spawnSync("ip", args, { encoding: "utf8" });
// Another network of that number is hardly there; names are of this process.
const BRIDGE = `csb${process.pid % 100000}`;
const NET = `10.231.${process.pid % 250}`;
const HOSTS = [1, 2, 3].map((i) => `cs${process.pid % 100000}-${i}`);

/** A bridge, and namespaces that are connected to it. Needs root, and a kernel that lets it. */
function network(): boolean {
  if (!hasRedis || !isRoot || ip("link", "add", BRIDGE, "type", "bridge").status !== 0) return false;
  const steps = [
    ["addr", "add", `${NET}.254/24`, "dev", BRIDGE],
    ["link", "set", BRIDGE, "up"],
  ];
  for (const [i, name] of HOSTS.entries()) {
    steps.push(
      ["netns", "add", name],
      ["link", "add", `${name}e`, "type", "veth", "peer", "name", "eth0", "netns", name],
    );
    steps.push(["link", "set", `${name}e`, "master", BRIDGE, "up"]);
    steps.push(
      ["-n", name, "addr", "add", `${NET}.${i + 1}/24`, "dev", "eth0"],
      ["-n", name, "link", "set", "eth0", "up"],
    );
  }
  return steps.every((step) => ip(...step).status === 0);
}

const connected = network();
afterAll(() => {
  for (const name of HOSTS) ip("netns", "del", name);
  ip("link", "del", BRIDGE);
});

/** A disk of 1 MiB. */
const small = join(folder, "small");
let full = false;
afterAll(() => {
  if (full) spawnSync("umount", [small]);
});

const input = join(share, "vmcore");
const output = join(share, "out");
let redis: RedisServer;

beforeAll(async () => {
  if (!connected) return;
  redis = await redisServer(undefined, `${NET}.254`);
  copyFileSync((await realDump("tiny-x86-6.1")).vmcore, input);
  mkdirSync(small);
  full = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).status === 0;
});

const host = (name: string, args: readonly string[] = []) =>
  worker({ redis: redis.url, args, by: ["ip", "netns", "exec", name] });

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
