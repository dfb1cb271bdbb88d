/** The campaigns' own command lines: a wrong word is one line, and the help has every option. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const fuzz = (...args: string[]) =>
  spawnSync(process.execPath, ["fuzz/run.mjs", ...args], { cwd: root, encoding: "utf8" });

test.each([["--frob"], ["--minutes", "soon"], ["--target", "nope"], ["word"]])("%s %s: one line", (...args) => {
  const { status, stdout, stderr } = fuzz(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^.*; npm run fuzz -- --help\n$/);
});

test("the help names every option, but for those of a target's own process", () => {
  const { status, stdout } = fuzz("--help");
  expect(status).toBe(0);
  const options = readFileSync(`${root}fuzz/run.mjs`, "utf8").matchAll(/^ {4}"?([a-z-]+)"?: \{ type/gm);
  const names = [...options].map(([, name]) => name).filter((name) => !["only", "seconds", "cpu"].includes(name ?? ""));
  expect(names.length).toBeGreaterThan(9);
  for (const name of names) expect(stdout).toContain(`--${name} `);
});

test("the campaign of faults has a help, and a line for a wrong word", () => {
  const faults = (...args: string[]) =>
    spawnSync(process.execPath, ["fuzz/faults.mjs", ...args], { cwd: root, encoding: "utf8" });
  expect(faults("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--calls ") });
  const { status, stdout, stderr } = faults("--frob");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^Unknown option '--frob'.*; npm run faults -- --help\n$/);
});
