/** The table of options: what is made of it fits, and what hangs on it holds. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { parseValues } from "../../src/cli/options/parse-values.js";
import { GENERAL_OPTIONS, OPTIONS, optionsOf, shortest } from "../../src/cli/options/table.js";
import { foreignText } from "../../src/foreign-text.js";
import { failureOf, failureOfAsync } from "../support/open.js";
import { withOptionTables } from "../support/options-reference.js";

test("the tables of options in docs/command-line.md are those of today: `npm run man` makes them anew", () => {
  const root = new URL("../../", import.meta.url);
  const page = readFileSync(new URL("docs/command-line.md", root), "utf8").replaceAll("\r\n", "\n");
  expect(page).toBe(withOptionTables(page, root));
});

test("a command has each name and each letter once", () => {
  for (const command of COMMAND_NAMES) {
    const own = [...OPTIONS.filter(({ commands }) => commands.includes(command)), ...GENERAL_OPTIONS];
    const names = own.flatMap(({ name, ...option }) => ("letter" in option ? [name, option.letter] : [name]));
    expect({ command, names: new Set(names).size }).toEqual({ command, names: names.length });
  }
});

test("what a command refuses it does not have", () => {
  for (const { name, refused = {} } of OPTIONS) {
    for (const command of COMMAND_NAMES.filter((one) => refused[one] !== undefined)) {
      expect({ command, has: optionsOf(command).has(name) ? name : undefined }).toEqual({ command, has: undefined });
    }
  }
});

test("values become what their options are", () => {
  const words = { level: "31,1", exclude: ",zero", "size-limit": "2k", "min-saving": "2.5%", pack: "none", sync: true };
  expect(parseValues("filter", words)).toMatchObject({
    ...{ level: [31, 1], exclude: ["zero"], sizeLimit: 2048, minSaving: 2.5, pack: "none", sync: true, force: false },
    compress: undefined,
  });
  expect(parseValues("estimate", { level: "all" }).level).toHaveLength(32);
  expect(parseValues("submit", { shards: "auto", priority: "1" })).toMatchObject({ shards: undefined, priority: 1 });
  expect(parseValues("verify", { against: ["a", "b"] }).against).toEqual(["a", "b"]);
});

test.each(["", "a\0b"])(
  "no text, file or folder is %j: that is a wrong command line, whatever the option is",
  async (word) => {
    const wrong = word === "" ? ": its value is empty" : " a\\u0000b: its value has a zero byte in it";
    for (const option of OPTIONS.filter((one) => one.kind !== "flag" && !("empty" in one))) {
      const words = { [option.name]: "repeated" in option ? ["a", word] : word };
      for (const command of option.commands) {
        const error = failureOf(() => parseValues(command, words));
        expect(error, option.name).toMatchObject({ code: "BAD_OPTION" });
        expect(foreignText(error.message)).toContain(`${shortest(option)}${wrong}`);
      }
    }
    const given = { signal: new AbortController().signal, threads: undefined };
    const error = await failureOfAsync(() => parseCommandLine(["vmcore", "out", "--config", word], given));
    expect(foreignText(error.message)).toContain(`--config${wrong}`);
  },
);

test("of a wrong value of any length an error repeats the beginning only", async () => {
  const long = "9".repeat(100_000);
  for (const option of OPTIONS.filter(({ kind }) => !["flag", "text", "file", "folder"].includes(kind))) {
    const error = failureOf(() => parseValues(option.commands[0] ?? "filter", { [option.name]: long }));
    expect(error.message.length, option.name).toBeLessThan(500);
  }
  const given = { signal: new AbortController().signal, threads: undefined };
  for (const word of [`--sync=${long}`, `--${long}`]) {
    const error = await failureOfAsync(() => parseCommandLine(["vmcore", "out", word], given));
    expect(error.message.length, word.slice(0, 9)).toBeLessThan(500);
  }
});
