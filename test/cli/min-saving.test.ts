/** `--min-saving`: an old file that is as good is kept. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { expectFailure, inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { filterFile, temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const [vmcore, small] = [file("vmcore"), file("small.kdump")];

beforeAll(async () => {
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed)));
  await filterFile(vmcore, small, { level: 31, codec: "zlib" });
});

test("an output that saves enough is written", async () => {
  const { code, stdout } = await runHere([vmcore, file("a"), "-c", "--min-saving", "50", "--json"]);
  expect(code).toBe(0);
  const { outputBytes } = JSON.parse(stdout.toString());
  expect(statSync(file("a")).size).toBe(outputBytes);
  expect(readFileSync(file("a"))).toEqual(readFileSync(small));
});

test("filtering again would save nothing: a sample tells, and nothing is written", async () => {
  const inputBytes = statSync(small).size;
  const { code, stdout, stderr } = await runHere([small, file("b"), "-c", "--min-saving", "5%", "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const result = JSON.parse(stdout.toString());
  expect(result).toMatchObject({ kept: true, output: null, inputBytes, minSaving: 5, files: [small] });
  expect(result.mostBytes).toBe(Math.floor(inputBytes * 0.95));
  expect(result.expectedBytes - result.expectedError).toBeGreaterThan(result.mostBytes);
  expect(existsSync(file("b"))).toBe(false);
  const said = await runHere([small, file("b"), "-c", "--min-saving", "5", "--manifest", file("b.json")]);
  expect(said.code).toBe(0);
  expect(said.stdout.toString()).toContain("small.kdump: nothing was written: filtering it would save ");
  expect(existsSync(file("b.json"))).toBe(false);
});

test.each([["--dedupe"], ["-E"]])("%s: no sample tells it, writing does", async (option) => {
  const { code, stdout } = await runHere([small, file("c"), option, "--min-saving", "40", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout.toString())).toMatchObject({ kept: true, expectedBytes: null, expectedError: null });
  expect(existsSync(file("c"))).toBe(false);
});

test("an output beyond -L is an error still", async () => {
  const args = [vmcore, file("d"), "--min-saving", "1", "-L", "100K"];
  expectFailure(await runHere([...args, "--dedupe"]), 1, "100 KiB");
  expect(existsSync(file("d"))).toBe(false);
});

test("an old file is kept though the output's name is taken", async () => {
  writeFileSync(file("e"), "old");
  expect((await runHere([small, file("e"), "-f", "-c", "--min-saving", "5"])).code).toBe(0);
  expect(readFileSync(file("e"), "utf8")).toBe("old");
});

test.each([
  [["--min-saving", "many"], "--min-saving many: must be a number from 0 to 100"],
  [["--min-saving", "101"], "--min-saving 101: must be a number from 0 to 100"],
  [["--min-saving", "5", "-d", "1,31"], "several levels"],
  [["--min-saving", "5", "--on-full", "incomplete"], "leaves an output of any size"],
])("%j is refused", async (args, message) => {
  expectFailure(await runHere([small, file("f"), ...args]), 2, message);
});
