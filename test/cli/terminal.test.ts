/** Colours and redrawn lines: on a terminal only, and as NO_COLOR and FORCE_COLOR say. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canRedraw, usesColour } from "../../src/cli/terminal.js";

const terminal = { isTTY: true as const };
const pipe = { isTTY: undefined as unknown as true };

test.each([
  [terminal, {}, true],
  [terminal, { NO_COLOR: "" }, true],
  [terminal, { NO_COLOR: "1" }, false],
  [terminal, { NO_COLOR: "0", FORCE_COLOR: "1" }, false],
  [terminal, { TERM: "dumb" }, false],
  [terminal, { FORCE_COLOR: "0" }, false],
  [pipe, {}, false],
  [pipe, { FORCE_COLOR: "1" }, true],
])("%j with %j: %j", (stream, env, expected) => {
  expect(usesColour(stream, env)).toBe(expected);
});

test("a dumb terminal has no lines that are written over", () => {
  expect(canRedraw(terminal, { TERM: "xterm" })).toBe(true);
  expect(canRedraw(terminal, { TERM: "dumb" })).toBe(false);
  expect(canRedraw(pipe, { FORCE_COLOR: "1" })).toBe(false);
});

const script = process.platform === "linux" && spawnSync("script", ["--version"]).error === undefined;

/** What a terminal gets of a run that fails: util-linux' script has one. */
function onTerminal(env: Readonly<Record<string, string>>): string {
  const program = join(import.meta.dirname, "../../dist/cli/main.js");
  const command = `'${process.execPath}' '${program}' no-such-dump out`;
  const { NO_COLOR: _, FORCE_COLOR: __, ...rest } = process.env;
  return spawnSync("script", ["-qec", command, "/dev/null"], {
    encoding: "utf8",
    env: { ...rest, TERM: "xterm", ...env },
    input: "",
  }).stdout;
}

test.runIf(script)("an error on a terminal, and without colours", () => {
  expect(onTerminal({})).toContain("\x1b[1;31mcoresieve:\x1b[0m no-such-dump: cannot be opened");
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
    const text = onTerminal(env as Record<string, string>);
    expect(text).toContain("coresieve: no-such-dump: cannot be opened");
    expect(text).not.toContain("\x1b");
  }
});
