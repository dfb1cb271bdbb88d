/** Test files that share a process (test/support/together.ts) leave it as they found it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processState } from "../support/process-state.js";
import { APART, ELSEWHERE_FOLDERS, MOCKING } from "../support/together.js";

/** Mocked modules may be loaded already, and later files of the process would meet them. What else a file changes, setup.ts takes back. */
const CHANGES = /\bvi\s*\.\s*(?:mock|doMock|unmock|doUnmock|resetModules)\b/;

const changes = (path: string) => CHANGES.test(readFileSync(path, "utf8"));

function testFiles(): readonly string[] {
  return readdirSync("test", { recursive: true, encoding: "utf8" })
    .map((name) => join("test", name).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".test.ts") && path !== "test/house/together.test.ts");
}

function isTogether(path: string): boolean {
  return !ELSEWHERE_FOLDERS.some((folder) => path.startsWith(`test/${folder}/`));
}

test("no file of those that share a process mocks a module", () => {
  const together = testFiles().filter(isTogether);
  expect(together.length).toBeGreaterThan(250);
  expect(together.filter((path) => !APART.includes(path) && changes(path))).toEqual([]);
});

test("the files that are apart exist, and have a reason", () => {
  expect(APART.filter((path) => !existsSync(path))).toEqual([]);
  expect(MOCKING.filter((path) => !changes(path))).toEqual([]);
});

test.each(['vi.doMock("a")', "vi.resetModules()", 'vi.mock("node:fs")'])("%s", (text) => {
  expect(CHANGES.test(text)).toBe(true);
  expect(CHANGES.test('if (process.env["A"] === "b") vi.fn();')).toBe(false);
});

test("the environment is taken back; what else a file leaves changed is an error that names it", () => {
  const state = processState();
  const other = (name: string) => `handlers of ${name}`;
  process.env["CORESIEVE_TEST_LEFT"] = "1";
  const path = process.env["PATH"];
  delete process.env["PATH"];
  state.takeBack();
  expect([process.env["CORESIEVE_TEST_LEFT"], process.env["PATH"]]).toEqual([undefined, path]);
  expect(() => state.check()).not.toThrow();
  const handler = () => undefined;
  process.on("SIGUSR2", handler);
  expect(() => state.check()).toThrow(other("SIGUSR2"));
  process.off("SIGUSR2", handler);
  expect(() => state.check()).not.toThrow();
  const before = process.cwd();
  process.chdir("test");
  expect(() => state.check()).toThrow("the working folder");
  process.chdir(before);
});

test("no helper has an afterAll at its top: it would be for the first file of a process only", () => {
  const helpers = readdirSync("test/support", { recursive: true, encoding: "utf8" })
    .map((name) => join("test/support", name))
    .filter((path) => /(?<!\.test)\.ts$/.test(path) && !path.endsWith("setup.ts"));
  expect(helpers.filter((path) => /^(?:after|before)(?:All|Each)\(/m.test(readFileSync(path, "utf8")))).toEqual([]);
});
