/** The programs of bench/ say how they are called, and refuse what they do not know. They run from dist/. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runPrograms } from "../support/programs.js";

const folder = fileURLToPath(new URL("../../bench", import.meta.url));
const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"));
/** Command lines for which nothing may be done. */
const wrong: readonly (readonly [string, ...string[]])[] = [
  ["modules.mjs", "--rounds", "0"],
  ["modules.mjs", "--only", "q"],
  ["growth.mjs", "--sizes", "1G,4X"],
  ["growth.mjs", "--codec", "bzip2"],
  ["run.mjs", `${folder}/none`],
  ["run.mjs"],
  ["scan.mjs", `${folder}/run.mjs`, "--level", "32"],
  ["pool.mjs", `${folder}/run.mjs`, "--workers", "1,,2"],
  ["decode.mjs", `${folder}/run.mjs`, `${folder}/run.mjs`],
];
const commands = [...programs.flatMap((name) => [[name, "--help"] as const, [name, "--nonsense"] as const]), ...wrong];
const ends = runPrograms(commands.map(([name, ...args]) => [`${folder}/${name}`, ...args]));

/** How that command line ended. */
function run(...words: readonly string[]) {
  const end = ends[commands.findIndex((command) => command.join(" ") === words.join(" "))];
  if (end === undefined) throw new Error(`not run: ${words.join(" ")}`);
  return end;
}

test.each(programs)("%s has --help", (name) => {
  const { status, stdout } = run(name, "--help");
  expect(status).toBe(0);
  expect(stdout).toContain(`node bench/${name}`);
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test.each(programs)("%s refuses an option that it does not know", (name) => {
  const { status, stdout, stderr } = run(name, "--nonsense");
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("--nonsense");
  expect(stderr).toContain(`node bench/${name} --help`);
});

test.each(wrong)("%s %s %s: nothing is done", (name, ...args) => {
  const { status, stdout, stderr } = run(name, ...args);
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(`; node bench/${name} --help`);
});
