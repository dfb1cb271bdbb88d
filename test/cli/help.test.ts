/** `coresieve --help` as it stands in the terminal: small enough for one screen, and true to the options. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Command } from "../../src/cli/command.js";
import { COMMAND_NAMES, commandNamed } from "../../src/cli/commands.js";
import { FILTER_HELP, HELP } from "../../src/cli/help.js";
import { INPUT_HELP, INPUT_TOPIC } from "../../src/cli/input-help.js";
import { INPUT_OPTIONS } from "../../src/cli/input-options.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

function coresieve(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    env: { ...process.env, LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" },
  });
  return { code: status, stdout, stderr };
}

/** The names in front of each option's explanation. */
const options = [...`${FILTER_HELP}\n${INPUT_TOPIC}`.matchAll(/^ {2}(?:(-\w), | {4})(--[a-z-]+)( [A-Z]+)?/gm)].map(
  ([, short, long, value]) => ({
    short,
    long: long as string,
    takesValue: value !== undefined,
  }),
);

/** The names in front of explanations. */
const explained = (help: string) =>
  [...help.matchAll(/^ {2}(?:-\w, | {4})(--[a-z-]+)/gm)].map(([, long]) => long).sort();

const inputNames = Object.keys(INPUT_OPTIONS);

/** What a command's help has to explain: its options, but not those of all inputs, which have a page of their own (it may). */
const longNames = (command: Command) =>
  [...Object.keys(command.options), "help", "version"]
    .filter((name) => !inputNames.includes(name) || explained(command.help).includes(`--${name}`))
    .map((name) => `--${name}`)
    .sort();

test("the help fits one screen of 80 columns and 45 lines", () => {
  const lines = HELP.trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(45);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test.each(["--help", "-h"])("%s prints it, wherever it stands", (option) => {
  expect(coresieve(option)).toEqual({ code: 0, stdout: HELP, stderr: "" });
});

describe.each(COMMAND_NAMES)("%s", (name) => {
  test("has a help of its own that fits the screen and names its options, and no others", async () => {
    const command = (await commandNamed(name)) as Command;
    expect(coresieve(name, "--help")).toEqual({ code: 0, stdout: command.help, stderr: "" });
    expect(command.help).toMatch(new RegExp(`^coresieve (${name}|\\[${name}\\]) `));
    const lines = command.help.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(45);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(explained(command.help)).toEqual(longNames(command));
    expect(command.help.includes(INPUT_HELP)).toBe("raw" in command.options);
    expect(HELP).toMatch(new RegExp(`coresieve ${name} |help ${name},`));
    expect(coresieve("help", name).stdout).toBe(command.help);
  });
});

test("`help input` explains the options of all inputs", () => {
  expect(coresieve("help", "input")).toEqual({ code: 0, stdout: INPUT_TOPIC, stderr: "" });
  expect(explained(INPUT_TOPIC)).toEqual(inputNames.map((name) => `--${name}`).sort());
  const lines = INPUT_TOPIC.trimEnd().split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(coresieve("help")).toEqual({ code: 0, stdout: HELP, stderr: "" });
  expect(coresieve("help", "vax")).toMatchObject({ code: 2, stderr: expect.stringContaining('no help about "vax"') });
});

test("an option whose help shows a value needs one, and only then", () => {
  for (const { long, takesValue } of options) {
    const { code, stderr } = coresieve("no-such-dump", "out", long);
    if (takesValue) expect({ long, stderr }).toEqual({ long, stderr: expect.stringContaining("needs a value") });
    else
      expect({ long, stderr, code }).toEqual({
        long,
        stderr: expect.not.stringContaining("value"),
        code: expect.any(Number),
      });
  }
});

test.each([
  [[], "a dump and an output must be named. Write `coresieve DUMP OUT`; `coresieve --help` lists the options"],
  [["-F"], "no dump was named. Write `coresieve -F DUMP > OUT`"],
  [["info"], "no dump was named. Write `coresieve info DUMP`"],
  [["a", "b", "--bogus"], "there is no option --bogus. `coresieve --help` lists the options"],
  [["a", "b", "--levl", "3"], "there is no option --levl; --level is meant, perhaps. `coresieve --help` lists"],
  [["split", "a", "b", "c", "--on-full", "nothing"], "split has no option --on-full: a split set cannot be left incom"],
  [["split", "a", "b", "c", "-E"], "split has no option -E: only kdump-compressed files can be split"],
  [["dmesg", "a", "--since-claer"], "there is no option --since-claer; --since-clear is meant, perhaps"],
  [["completion", "-z"], "completion has no option -z; it is one of filter, split"],
  [["a", "b", "-Q", "v"], "there is no option -Q. `coresieve --help` lists the options"],
  [["a", "b", "-d"], "-d needs a value. `coresieve --help` lists the options"],
  [["a", "b", "-d", "32"], "-d 32: no whole number from 0 to 31. Add up: 1 zero pages, 2 page cache"],
  [["a", "b", "-c", "-l"], "more than one codec was named: zlib, lzo. Choose one"],
  [["a", "b", "--compress", "rar"], '"rar" is no codec. Codecs are none, zlib, lzo, snappy, zstd'],
  [["a", "b", "--compression-level", "3"], "--compression-level 3, but no codec. Name one that has levels"],
  [["a", "b", "--num-threads", "many"], "--num-threads many: no whole number from 1 to 256"],
  [["a", "b", "--exclude", "user,chache"], '"chache" is no page class. Classes are zero, cache, cache-private'],
])("%j: one line with the cure, and exit code 2", (args, message) => {
  const { code, stdout, stderr } = coresieve(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`coresieve: ${message}`);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("names behind -- are files", () => {
  expect(coresieve("--", "-no-such-dump", "out").stderr).toContain("-no-such-dump: cannot be opened");
});
