/** `coresieve jobs clean` as it is typed: what it refuses before it looks, and what it prints. */
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
vi.stubEnv("REDIS_URL", `unix://${join(folder, "no-redis")}`);
const jobs = (...words: readonly string[]) => runHere(["jobs", ...words]);

test.each([
  [["clean"], "no place was named to look in"],
  [["clean", folder, "--without-redis"], "--older-than 30"],
  [["clean", folder, "--without-redis", "--older-than", "0"], "--older-than 0"],
  [["clean", folder, "--older-than", "1.5"], "--older-than 1.5"],
  [["--remove"], "an option of `jobs clean`"],
  [["cancel", "--older-than", "3", "a1"], "an option of `jobs clean`"],
])("%j is refused", async (words, what) => {
  const { code, stdout, stderr } = await jobs(...words);
  expect([code, stdout.length, stderr]).toEqual([2, 0, expect.stringContaining(what)]);
});

test("without a queue it says how to go on without one, and nothing is removed", async () => {
  const staging = join(folder, "out.coresieve-a00000000000000d");
  mkdirSync(staging);
  writeFileSync(join(staging, "plan.json"), "{}");
  const long = new Date(Date.now() - 3 * 24 * 3600 * 1000);
  for (const path of [join(staging, "plan.json"), staging]) utimesSync(path, long, long);
  const refused = await jobs("clean", "--remove", folder);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no-redis.*--without-redis --older-than DAYS/),
  });
  expect(existsSync(staging)).toBe(true);
  const young = await jobs("clean", folder, "--without-redis", "--older-than", "4", "--remove");
  expect(young).toMatchObject({ code: 0, stderr: "" });
  expect(young.stdout.toString()).toContain(`${staging}: kept, written to in the last 4 days`);
  const listed = await jobs("clean", folder, "--without-redis", "--older-than", "2");
  expect(listed.stdout.toString()).toContain(`${staging}: can be removed, `);
  expect(listed.stderr).toMatch(/^coresieve: 1 of 1 \(.*\) can be removed; --remove does it\n$/);
  expect(existsSync(staging)).toBe(true);
  const json = await jobs("clean", folder, "--without-redis", "--older-than", "2", "--remove", "--json");
  expect(JSON.parse(json.stdout.toString())).toMatchObject([
    { path: staging, id: "a00000000000000d", fate: "removed" },
  ]);
  expect(existsSync(staging)).toBe(false);
  expect(await jobs("clean", folder, "--without-redis", "--older-than", "2")).toMatchObject({
    code: 0,
    stderr: "coresieve: nothing is left of any run\n",
  });
});

test("what no run made is named, with exit code 1", async () => {
  const staging = join(folder, "out.coresieve-b00000000000000d");
  mkdirSync(staging);
  writeFileSync(join(staging, "notes\u001b[2J.txt"), "mine");
  const { code, stdout } = await jobs("clean", folder, "--without-redis", "--older-than", "1", "--remove");
  expect(code).toBe(1);
  expect(stdout.toString()).toContain('"notes\\u001b[2J.txt" in it is not from coresieve');
  expect(existsSync(staging)).toBe(true);
});
