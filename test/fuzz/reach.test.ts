/**
 * No module that reads what nobody checked before is out of the fuzzer's reach: each is imported, straight or by others, by a
 * target. That it is run too, the branches that a campaign reaches show.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { targets } from "../../fuzz/targets.js";

/** Folders that read dumps, files that users give, and what other hosts left. */
const READING = [
  "reader",
  "codec",
  "kernel",
  "filter",
  "audit",
  "verify",
  "estimate",
  "library",
  "queue",
  "shard",
  "store",
];

/** Modules there that no target reaches, and why that is right. */
const ELSEWHERE: Readonly<Record<string, RegExp>> = {
  "AssemblyScript, compiled by the build: its kernels are reached by their names": /\.as\.ts$/,
  "a network's other end, which test/store stands in for": /^src\/store\/(?!store-url)/,
  "writes only, or talks to Redis: what comes from there is checked by job-data.ts": /^src\/queue\/(?!job-data)/,
  "writes shards; what it reads is plan-files.ts and shard-done.ts":
    /^src\/shard\/(?!plan-files|shard-done|plain-json)/,
  "opens pipes of the system; the bytes go through spool-input.ts": /^src\/reader\/source\/byte-stream\.ts$/,
};

/** Modules that a module imports when it runs; types alone are not there then. */
function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8").replaceAll(/^(import|export) type .*$/gm, "");
  const names = [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g)].map(([, name]) => name as string);
  return names.map((name) => normalize(join(dirname(path), `${name}.ts`))).filter((name) => existsSync(name));
}

function reached(from: string): Set<string> {
  const seen = new Set<string>();
  for (const waiting = [from]; waiting.length > 0; ) {
    const path = waiting.pop() as string;
    if (seen.has(path)) continue;
    seen.add(path);
    waiting.push(...importsOf(path));
  }
  return seen;
}

const isTypesOnly = (path: string) =>
  !/^(export )?(default )?(abstract )?(async )?(function|class|const|let)\b/m.test(readFileSync(path, "utf8"));

test("each module that reads is in reach of a target", () => {
  const seen = reached("fuzz/targets.ts");
  const modules = READING.map((folder) => `src/${folder}`)
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !isTypesOnly(path));
  const excepted = (path: string) => Object.values(ELSEWHERE).some((pattern) => pattern.test(path));
  expect(modules.length).toBeGreaterThan(200);
  expect(modules.filter((path) => !seen.has(path) && !excepted(path))).toEqual([]);
  // Exceptions that are none any more.
  expect(Object.entries(ELSEWHERE).filter(([, pattern]) => !modules.some((path) => pattern.test(path)))).toEqual([]);
});

test("npm run fuzz knows each target", () => {
  const run = readFileSync("fuzz/target-list.mjs", "utf8");
  expect(targets.filter(({ name }) => !run.includes(`"${name}"`)).map(({ name }) => name)).toEqual([]);
  expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length);
});
