/** `coresieve plan`, `shard`, `finish`, `staging`: what they say, and the exit codes by which a batch system tells what to do. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { expectFailure } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const dump = join(folder, "vmcore");
const out = join(folder, "small");
const run = join(folder, "run");
const AGAIN = 75;

beforeAll(() => writeFileSync(dump, sampleDump()));

async function said(...args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await runHere(args, { cwd: folder });
  expect(stderr).toBe("");
  return { code, text: stdout.toString() };
}

test("the three steps as a batch system has them done", async () => {
  expectFailure(await runHere(["shard", run, "0"]), AGAIN, "no run is planned there");
  expectFailure(await runHere(["finish", run]), AGAIN, "no run is planned there");
  // Names are made absolute: hosts may be in other folders.
  const planned = await said("plan", "vmcore", "small", "-l", "--shards", "2", "--staging", "run");
  expect(planned).toEqual({
    code: 0,
    text: expect.stringMatching(/^planned: 3,000 pages in 2 shards, plan [0-9a-f]{16}\n$/),
  });
  expect((await said("staging", run, "--missing")).text).toBe("0-1\n");
  expect(await said("shard", run, "1", "--wait", "0")).toEqual({
    code: 0,
    text: expect.stringMatching(/^shard 1 of 2 is encoded, and waits in the staging/),
  });
  expect((await said("staging", run)).code).toBe(AGAIN);
  expectFailure(await runHere(["finish", run]), AGAIN, "1 of 2 shards are not done: 0");
  expect(existsSync(out)).toBe(false);
  await said("shard", run, "0", "--num-threads", "1");
  expect((await said("staging", run, "--missing")).text).toBe("");
  expect(JSON.parse((await said("finish", run, "--json")).text)).toMatchObject({ output: out, shards: 2 });
  expect(await said("finish", run)).toEqual({ code: 0, text: expect.stringMatching(/small: .*, from 2 shards\n$/) });
  expect(JSON.parse((await said("staging", run, "--json")).text)).toMatchObject({ finished: true, missing: [] });
  const whole = join(folder, "whole");
  await filterFile(dump, whole, { codec: "lzo" });
  expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
  await said("staging", run, "--clean");
  expect(readdirSync(folder).sort()).toEqual(["small", "vmcore", "whole"]);
});

test("what will fail again ends with 1 or 2, what may not with 75", async () => {
  const no = join(folder, "no-dump");
  writeFileSync(no, "this is no dump, and never was one\n".repeat(100));
  expectFailure(await runHere(["plan", no, join(folder, "x"), "--staging", run]), 1, "no-dump");
  expectFailure(await runHere(["plan", dump, "x"]), 2, "--staging");
  expectFailure(await runHere(["plan", dump, out, "--staging", run]), 1, "exists already");
  expectFailure(await runHere(["plan", dump, join(folder, "y"), "--staging", join(folder, "a", "b")]), AGAIN, "a/b");
  for (const [length, code] of [
    [228, 0],
    [229, 2],
    [256, 1],
  ] as const) {
    const { code: ended, stderr } = await runHere(["plan", dump, join(folder, "n".repeat(length)), "--staging", run]);
    expect([ended, stderr.toString().includes("the name is too long")]).toEqual([code, code !== 0]);
    if (code === 0) await said("staging", run, "--clean");
  }
  expectFailure(await runHere(["shard", run]), 2, "number of a shard");
  expectFailure(await runHere(["shard", run, "x"]), 2, "number of a shard");
  expectFailure(await runHere(["finish"]), 2, "no place was named");
  const other = join(folder, "other");
  writeFileSync(other, sampleDump());
  await said("plan", other, join(folder, "z"), "--shards", "2", "--staging", run);
  writeFileSync(other, sampleDump().subarray(0, -1));
  expectFailure(await runHere(["shard", run, "0"]), 1, "is not the file that was submitted");
  await said("staging", run, "--clean");
});
