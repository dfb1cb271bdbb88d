/** `coresieve --help` as it stands in the terminal: small enough for one screen, and true to the options. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Command } from "../../src/cli/command.js";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { commandNamed } from "../../src/cli/commands.js";
import { commandHelp, HELP, INPUT_HELP, INPUT_TOPIC } from "../../src/cli/help.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "../../src/cli/options/input.js";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { optionsOf } from "../../src/cli/options/table.js";
import { speakAs } from "../../src/option-words.js";
import { runHere } from "../support/cli-here.js";
import { setEnvironment } from "../support/environment.js";
import { failureOfAsync } from "../support/open.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

// yargs would print its messages in the user's language.
setEnvironment({ LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" });
speakAs("commandLine");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as a process. */
function coresieve(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  return { code: status, stdout, stderr };
}

/** The same within this process, for command lines that open nothing. */
async function here(args: readonly string[]): Promise<Ended> {
  const { stdout, ...more } = await runHere(args);
  return { ...more, stdout: stdout.toString() };
}

/** The names in front of each option's explanation. */
const filterHelp = commandHelp((await commandNamed("filter")) as Command);
const options = [...`${filterHelp}\n${INPUT_TOPIC}`.matchAll(/^ {2}(?:(-\w), | {4})(--[a-z-]+)( [A-Z]+)?/gm)].map(
  ([, short, long, value]) => ({
    short,
    long: long as string,
    takesValue: value !== undefined,
  }),
);

/** The names in front of explanations. */
const explained = (help: string) =>
  [...help.matchAll(/^ {2}(?:-\w, | {4})(--[a-z-]+)/gm)].map(([, long]) => long).sort();

const inputNames: string[] = [...INPUT_OPTIONS, ...SPOOL_OPTIONS, ...KERNEL_OPTIONS].map(({ name }) => name);

/** What a command's help has to explain: its options, but not those of all inputs, which have a page of their own (it may). */
const longNames = (command: Command) =>
  [...optionsOf(command.name).keys(), "help", "version"]
    .filter((name) => !inputNames.includes(name) || explained(commandHelp(command)).includes(`--${name}`))
    .map((name) => `--${name}`)
    .sort();

test("the help fits one screen of 80 columns and 40 lines", () => {
  const lines = HELP.trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test.each(["--help", "-h"])("%s prints it, wherever it stands", (option) => {
  expect(coresieve(option)).toEqual({ code: 0, stdout: HELP, stderr: "" });
});

test("without a word it is printed too, with the exit code of a wrong command line", () => {
  expect(coresieve()).toEqual({ code: 2, stdout: HELP, stderr: "" });
});

describe.each(COMMAND_NAMES)("%s", (name) => {
  test("has a help of its own that fits the screen and names its options, and no others", async () => {
    const command = (await commandNamed(name)) as Command;
    const help = commandHelp(command);
    expect(await here([name, "--help"])).toEqual({ code: 0, stdout: help, stderr: "" });
    expect(help).toMatch(new RegExp(`^coresieve (${name}|\\[${name}\\]) `));
    const lines = help.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(48);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(explained(help)).toEqual(longNames(command));
    expect(help.includes(INPUT_HELP)).toBe(optionsOf(name).has("raw"));
    expect(HELP).toMatch(new RegExp(`coresieve ${name} |help ${name}\\b|(Also|hosts):.* ${name}\\b`));
    expect((await here(["help", name])).stdout).toBe(help);
    await expect(help).toMatchFileSnapshot(`help/${name}.txt`);
  });
});

test("the texts are those that were read last", async () => {
  await expect(HELP).toMatchFileSnapshot("help/coresieve.txt");
  await expect(INPUT_TOPIC).toMatchFileSnapshot("help/input.txt");
});

test("`help input` explains the options of all inputs", async () => {
  expect(await here(["help", "input"])).toEqual({ code: 0, stdout: INPUT_TOPIC, stderr: "" });
  expect(explained(INPUT_TOPIC)).toEqual(inputNames.map((name) => `--${name}`).sort());
  const lines = INPUT_TOPIC.trimEnd().split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(await here(["help"])).toEqual({ code: 0, stdout: HELP, stderr: "" });
  expect(await here(["help", "vax"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('unknown topic of help "vax"'),
  });
});

test("an option whose help shows a value needs one, and only then", async () => {
  const context = { signal: new AbortController().signal, threads: undefined };
  for (const { long, takesValue } of options.filter((option) => !["--help", "--version"].includes(option.long))) {
    const words = ["no-such-dump", "out", long];
    const { message } = await failureOfAsync(async () => (await parseCommandLine(words, context))());
    expect({ long, message }).toEqual({
      long,
      message: takesValue ? expect.stringContaining("needs a value") : expect.not.stringContaining("value"),
    });
  }
});

test.each([
  [
    ["-c"],
    "a dump and an output must be named. `coresieve DUMP OUT` shrinks a dump, `coresieve info DUMP` says what it is; `coresieve --help` lists the rest",
  ],
  [["-F"], "no dump was named. Write `coresieve -F DUMP > OUT`"],
  [["info"], "no dump was named. Write `coresieve info DUMP`"],
  [["a", "b", "--bogus"], "unknown option --bogus. `coresieve --help` lists the options"],
  [["a", "b", "--levl", "3"], "unknown option --levl. Did you mean --level? `coresieve --help` lists"],
  [["split", "a", "b", "c", "--on-full", "nothing"], "split has no option --on-full: a split set cannot be left incom"],
  [["split", "a", "b", "c", "-E"], "split has no option -E: only kdump-compressed files can be split"],
  [["submit", "a", "b", "--spool-dir", "/x"], "submit has no option --spool-dir: the workers have their own"],
  [["dmesg", "a", "--since-claer"], "unknown option --since-claer. Did you mean --since-clear?"],
  [
    ["reassemble", "a", "b", "--salvage"],
    "reassemble has no option --salvage: filter the set with it: `coresieve --sal",
  ],
  [["completion", "-z"], "completion has no option -z; filter, handover, split, submit, plan have it"],
  [["a", "b", "-Q", "v"], "unknown option -Q. `coresieve --help` lists the options"],
  [["a", "b", "-d"], "-d needs a value. `coresieve --help` lists the options"],
  [["a", "b", "-d", "32"], "-d 32: must be a whole number from 0 to 31. Add up: 1 zero pages, 2 page cache"],
  [["a", "b", "-c", "-l"], "-c and -l cannot be combined. Use one of them"],
  [["a", "b", "--compress", "rar"], "--compress rar: must be one of none, zlib, lzo, snappy, zstd"],
  [["a", "b", "-E", "--compression-level", "3"], "--compression-level 3, but no codec. Name one that has levels"],
  [["a", "b", "--num-threads", "many"], "--num-threads many: must be a whole number from 1 to 256"],
  [
    ["a", "b", "--exclude", "user,chache"],
    '--exclude user,chache: "chache" must be one of zero, cache, cache-private, user, free. Did you mean "cache"?',
  ],
])("%j: one line with the cure, and exit code 2", async (args, message) => {
  const { code, stdout, stderr } = await here(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`coresieve: ${message}`);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("an error is the last line of the program, too", () => {
  const { code, stdout, stderr } = coresieve("a", "b", "-d", "32");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^coresieve: -d 32: must be a whole number .*\n$/);
});

test("names behind -- are files", () => {
  expect(coresieve("--", "-no-such-dump", "out").stderr).toContain("-no-such-dump: cannot be opened");
});
