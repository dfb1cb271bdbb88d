/** What V8 has compiled is kept for the next run, in files that only this user can have written; nothing depends on it. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { codeCacheFolder } from "../../src/code-cache.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");
const output = join(folder, "out");
const caches = join(folder, "caches");
const cache = join(caches, "coresieve");
const program = (name: string) => fileURLToPath(new URL(`../../dist/cli/${name}.js`, import.meta.url));
let right: Buffer;

/** Runs a program with an environment of its own, and expects that all went well. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, name = "main"): Buffer {
  rmSync(output, { force: true });
  const all = { PATH: process.env["PATH"], XDG_CACHE_HOME: caches, ...env };
  const { status, stderr } = spawnSync(process.execPath, [program(name), ...args], { encoding: "utf8", env: all });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return readFileSync(output);
}

const filter = (env?: NodeJS.ProcessEnv) => run([vmcore, output, "-c", "-q"], env);
const kept = () => readdirSync(cache).map((name) => join(cache, name));
/** Files that are written anew are others. */
const inodes = () => kept().map((path) => [path, statSync(path).ino]);

beforeAll(() => {
  writeFileSync(vmcore, sampleDump());
  right = filter({ NODE_DISABLE_COMPILE_CACHE: "1" });
  expect(existsSync(caches)).toBe(false);
});

beforeEach(() => rmSync(caches, { recursive: true, force: true }));

test("the first run keeps it, in files of this user alone; the next one takes it and writes the same output", () => {
  expect(filter().equals(right)).toBe(true);
  expect(statSync(cache).mode & 0o777).toBe(0o700);
  expect(kept().map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  const before = inodes();
  expect(filter().equals(right)).toBe(true);
  // What V8 had not taken would have been written again.
  expect(inodes()).toEqual(before);
});

test("both programs keep what is theirs", () => {
  filter();
  const before = kept().length;
  run(["-c", "-d", "31", "--message-level", "0", vmcore, output], {}, "makedumpfile");
  expect(kept().length).toBeGreaterThan(before);
});

test.each([
  ["a label of another build", (bytes: Buffer) => Buffer.concat([Buffer.from("x"), bytes.subarray(1)])],
  ["nothing that V8 made", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, bytes.indexOf("\n") + 1), right])],
  ["only a part", (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
  ["nothing", () => Buffer.alloc(0)],
])("files with %s are not taken, and written anew", (_, change) => {
  filter();
  const before = kept().map((path) => readFileSync(path));
  for (const [i, path] of kept().entries()) writeFileSync(path, change(before[i] as Buffer));
  expect(filter().equals(right)).toBe(true);
  const size = (bytes: Buffer) => bytes.subarray(0, bytes.indexOf("\n"));
  expect(kept().map((path) => size(readFileSync(path)))).toEqual(before.map(size));
});

test("a file that others may write is not taken", () => {
  filter();
  for (const path of kept()) chmodSync(path, 0o622);
  const before = inodes();
  expect(filter().equals(right)).toBe(true);
  for (const [i, [path, inode]] of inodes().entries()) {
    expect(inode).not.toBe(before[i]?.[1]);
    expect(statSync(path as string).mode & 0o777).toBe(0o600);
  }
});

test.skipIf(process.getuid?.() !== 0)("another user's folder is left alone (skipped where not root)", () => {
  mkdirSync(cache, { recursive: true });
  chownSync(cache, 1, 1);
  expect(filter().equals(right)).toBe(true);
  expect(readdirSync(cache)).toEqual([]);
  // As the home of who called sudo: no folder of root's is made in it.
  rmSync(cache, { recursive: true });
  chownSync(caches, 1, 1);
  expect(filter().equals(right)).toBe(true);
  expect(filter({ XDG_CACHE_HOME: join(caches, "deeper") }).equals(right)).toBe(true);
  expect(readdirSync(caches)).toEqual([]);
});

test("where there can be no folder, nothing is said", () => {
  writeFileSync(caches, "a file");
  expect(filter().equals(right)).toBe(true);
  rmSync(caches);
  mkdirSync(join(caches, "elsewhere"), { recursive: true });
  symlinkSync(join(caches, "elsewhere"), cache);
  expect(filter().equals(right)).toBe(true);
  expect(readdirSync(join(caches, "elsewhere"))).toEqual([]);
  expect(filter({ XDG_CACHE_HOME: "" }).equals(right)).toBe(true);
});

test("what nobody has written for long is removed with the next writing", () => {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const [old, fresh] = [join(cache, "old"), join(cache, "fresh")];
  for (const path of [old, fresh]) writeFileSync(path, "");
  utimesSync(old, new Date(), new Date(Date.now() - 91 * 24 * 3600 * 1000));
  filter();
  expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
});

test("an extension is loaded from code that was kept, too", () => {
  const extension = join(folder, "drop.mjs");
  writeFileSync(extension, 'export function decide() { return "drop"; }');
  const args = [vmcore, output, "-c", "-q", "--extension", extension];
  const first = run(args);
  expect(first.length).toBeLessThan(right.length);
  expect(run(args).equals(first)).toBe(true);
});

test("the folder is where each system has such things", () => {
  expect(codeCacheFolder({ HOME: "/home/a" }, "linux")).toBe("/home/a/.cache/coresieve");
  expect(codeCacheFolder({ HOME: "/home/a", XDG_CACHE_HOME: "/b" }, "linux")).toBe("/b/coresieve");
  expect(codeCacheFolder({ HOME: "/Users/a" }, "darwin")).toBe("/Users/a/Library/Caches/coresieve");
  expect(codeCacheFolder({ HOME: "relative" }, "linux")).toBeUndefined();
  expect(codeCacheFolder({}, "linux")).toBeUndefined();
  expect(codeCacheFolder({}, "win32")).toBeUndefined();
  for (const name of ["NODE_DISABLE_COMPILE_CACHE", "NODE_OPTIONS", "NODE_V8_COVERAGE"]) {
    expect(codeCacheFolder({ HOME: "/home/a", [name]: "1" }, "linux")).toBeUndefined();
  }
});
