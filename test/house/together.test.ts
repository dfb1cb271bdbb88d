/** Test files that share a process (test/support/together.ts) leave it as they found it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { APART, FAST_ELSEWHERE, TOGETHER_FOLDERS } from "../support/together.js";

/** What later files of the process would meet: mocked modules, which may be loaded already, and another environment. */
const CHANGES =
  /\bvi\s*\.\s*(?:mock|doMock|stubEnv|stubGlobal)\b|\bdelete process\.env\b|\bprocess\.env(?:\.\w+|\[[^\]]+\])?\s*(?:\?\?|\|\|)?=(?!=)|\bObject\.assign\(\s*process\.env\b/;

const changes = (path: string) => CHANGES.test(readFileSync(path, "utf8"));

function testFiles(): readonly string[] {
  return readdirSync("test", { recursive: true, encoding: "utf8" })
    .map((name) => join("test", name).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".test.ts") && path !== "test/house/together.test.ts");
}

function isTogether(path: string): boolean {
  const folders = [...TOGETHER_FOLDERS.map((name) => `test/${name}`), ...FAST_ELSEWHERE];
  return /^test\/[^/]+$/.test(path) || folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

test("no file of those that share a process mocks a module or changes the environment", () => {
  const together = testFiles().filter(isTogether);
  expect(together.length).toBeGreaterThan(100);
  expect(together.filter((path) => !APART.includes(path) && changes(path))).toEqual([]);
});

test("the files that are apart exist, and have a reason", () => {
  expect(APART.filter((path) => !existsSync(path) || !changes(path))).toEqual([]);
});

test.each(['process.env["A"] = "b"', "process.env.A ??= b", "delete process.env.A", 'vi.mock("node:fs")'])(
  "%s",
  (text) => {
    expect(CHANGES.test(text)).toBe(true);
    expect(CHANGES.test('const { CI } = process.env; if (process.env["A"] === "b") vi.fn();')).toBe(false);
  },
);

test("no helper has an afterAll at its top: it would be for the first file of a process only", () => {
  const helpers = readdirSync("test/support", { recursive: true, encoding: "utf8" })
    .map((name) => join("test/support", name))
    .filter((path) => /(?<!\.test)\.ts$/.test(path) && !path.endsWith("setup.ts"));
  expect(helpers.filter((path) => /^(?:after|before)(?:All|Each)\(/m.test(readFileSync(path, "utf8")))).toEqual([]);
});
