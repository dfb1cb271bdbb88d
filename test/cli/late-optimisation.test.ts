import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { runCli } from "../support/cli.js";

/** A flag that this V8 does not know would be a line on stderr in every run. */
test("the flag by which V8 optimises later is one that it knows, and nothing is said of it", async () => {
  const { code, stderr } = await runCli(["--privacy", "--version"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  if (!process.versions.v8.startsWith("11.")) return;
  const flags = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  expect(flags).toMatch(/^ +--interrupt-budget /m);
});
