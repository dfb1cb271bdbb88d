/** The campaigns' own command lines: a wrong word is one line, and the help has every option. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runPrograms } from "../support/programs.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wrong = [["--frob"], ["--minutes", "soon"], ["--target", "nope"], ["word"]];
const [help, ofFaults, ...ofWrong] = runPrograms([
  [`${root}fuzz/run.mjs`, "--help"],
  [`${root}fuzz/faults.mjs`, "--help"],
  ...wrong.map((words) => [`${root}fuzz/run.mjs`, ...words]),
]);

test.each(wrong.map((words, i) => [words, ofWrong[i]] as const))("%j: one line", (_, end) => {
  expect(end).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/^.*; npm run fuzz -- --help\n$/) });
});

test("the help names every option, but for those of a target's own process", () => {
  expect(help?.status).toBe(0);
  const options = readFileSync(`${root}fuzz/run.mjs`, "utf8").matchAll(/^ {4}"?([a-z-]+)"?: \{ type/gm);
  const names = [...options].map(([, name]) => name).filter((name) => !["only", "seconds", "cpu"].includes(name ?? ""));
  expect(names.length).toBeGreaterThan(9);
  for (const name of names) expect(help?.stdout).toContain(`--${name} `);
});

test("the campaign of faults has a help, and a line for a wrong word", () => {
  expect(ofFaults).toMatchObject({ status: 0, stdout: expect.stringContaining("--calls ") });
  // What it bundles is loaded once in a process.
  expect(runPrograms([[`${root}fuzz/faults.mjs`, "--frob"]])[0]).toMatchObject({
    ...{ status: 2, stdout: "" },
    stderr: expect.stringMatching(/^Unknown option '--frob'.*; npm run faults -- --help\n$/),
  });
});
