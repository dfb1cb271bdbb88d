/**
 * Options without an effect: whoever writes one relies on it. The table of options says where one has none (`idle`,
 * `alone`, `actions`, `same`); this goes through all pairs of options of all commands.
 */
import { expect, test } from "vitest";
import { parseCommandLine, privacyWords } from "../../src/cli/command-line.js";
import { wordsWithEffect } from "../../src/cli/options/effects.js";
import { filterRequest } from "../../src/cli/options/filter-request.js";
import { COMMAND_NAMES, COMPRESSING, type CommandName, type Option } from "../../src/cli/options/option.js";
import { type OptionWords, parseValues } from "../../src/cli/options/parse-values.js";
import { optionsOf, shortest } from "../../src/cli/options/table.js";
import { exitCodeOf } from "../../src/cli/stop.js";
import { yargsWords } from "../../src/cli/yargs-words.js";
import type { DumpError } from "../../src/errors.js";
import { speakAs } from "../../src/option-words.js";
import { failureOf, failureOfAsync } from "../support/open.js";

speakAs("commandLine");

/** Values that are not what is so anyway. */
const VALUES: Readonly<Record<string, string>> = { "on-full": "incomplete", level: "1", "compression-level": "2" };

function wordOf({ name, kind, ...option }: Option): string | true {
  if (kind === "flag") return true;
  const choice = "choices" in option ? option.choices.findLast((one) => one !== "raw") : undefined;
  return VALUES[name] ?? choice ?? ("least" in option ? String(Math.max(1, option.least ?? 1)) : "1");
}

/** The error of a command line with these options, before anything is opened. */
function refusal(command: CommandName, options: readonly Option[], files: readonly string[]): string | undefined {
  const words = Object.fromEntries(options.map((option) => [option.name, wordOf(option)]));
  try {
    wordsWithEffect(command, words, files, Object.keys(words));
    const values = parseValues(command, words) as Readonly<Record<string, unknown>>;
    if ((COMPRESSING as readonly CommandName[]).includes(command) && words["write-vmcoreinfo"] === undefined) {
      filterRequest({ ...(command === "handover" ? { privacy: true } : {}), ...values, files });
    }
    return undefined;
  } catch (error) {
    expect(exitCodeOf(error, undefined), String(error)).toBe(2);
    const { message } = error as DumpError;
    expect(message).not.toContain("\n");
    return message;
  }
}

/** The options that are refused alone, and the pairs of others that are refused. Pairs of one group: see below. */
function refusedOf(command: CommandName, files: readonly string[]): string[] {
  const options = [...optionsOf(command).values()];
  const alone = options.filter((option) => refusal(command, [option], files) !== undefined);
  const rest = options.filter((option) => !alone.includes(option));
  const pairs = rest.flatMap((a, i) =>
    rest.slice(i + 1).flatMap((b) => {
      const message = refusal(command, [a, b], files);
      if (a.same === undefined || a.same !== b.same)
        return message === undefined ? [] : [`${shortest(a)} ${shortest(b)}`];
      expect(message).toBe(`${shortest(a)} and ${shortest(b)} cannot be combined. Use one of them`);
      return [];
    }),
  );
  return [...alone.map(shortest), ...pairs];
}

const COMPRESSED =
  "-c -E,-l --compression-level,-l -E,-p --compression-level,-p -E,-z -E,--compress -E,--compression-level -E";
const PRIVATE = "-d --privacy,-d --privacy-strict,--exclude --privacy,--exclude --privacy-strict";

/**
 * What each command refuses. All other pairs have both effects. A few options have one that a run need not show: -q,
 * --strict, --salvage, -L, --spool-limit, --spool-dir, --num-threads and --identity are promises, limits, places and
 * keys for what may come; --privacy says nothing beyond --privacy-strict, and stands for what must be so at least.
 */
const REFUSED: Partial<Record<CommandName, string>> = {
  audit: "-f,--sign",
  bench: "--against-threads",
  dmesg: "--follow-format --json",
  estimate: "-d --json",
  handover: `--privacy-keep,${COMPRESSED},--dedupe -E`,
  info: "--notes --json,--vmcoreinfo-text --json",
  jobs: "--remove,--older-than,--without-redis",
  plan: `--privacy-keep,--privacy-extra,${PRIVATE},${COMPRESSED}`,
  rearrange: "--spool-dir,--spool-limit",
  split: `${PRIVATE},-l --compression-level,-p --compression-level`,
  staging: "--missing --clean,--missing --json,--clean --json",
  submit: `--privacy-keep,--privacy-extra,--wait-timeout,${PRIVATE},${COMPRESSED}`,
  verify: "--key",
};

const FILES: Partial<Record<CommandName, readonly string[]>> = { split: ["vmcore", "out", "out2"], jobs: ["list"] };

test.each(COMMAND_NAMES.filter((name) => name !== "filter"))("all pairs of options of %s", (command) => {
  const refused = refusedOf(command, FILES[command] ?? ["vmcore", "out"]);
  expect(refused.sort()).toEqual((REFUSED[command] ?? "").split(",").filter(Boolean).sort());
});

test("all pairs of options of filter", () => {
  const refused = refusedOf("filter", ["vmcore", "out"]);
  // Beside -g, all that is about an output.
  const beside = refused.filter((pair) => / -g$|^-g /.test(pair)).map((pair) => pair.replace(/ ?-g ?/, ""));
  const taken = [
    "raw",
    "arch",
    "salvage",
    "snapshot",
    "identity",
    "spool-dir",
    "spool-limit",
    "force",
    "strict",
    "quiet",
  ];
  const kernel = ["vmcoreinfo", "vmlinux", "vmcoreinfo-device", "vmcoreinfo-at", "write-vmcoreinfo"];
  const output = [...optionsOf("filter").values()].filter(({ name }) => ![...taken, ...kernel].includes(name));
  expect([...beside, "--privacy-keep", "--privacy-extra", "--sign", "--manifest-digests"].sort()).toEqual(
    output.map(shortest).sort(),
  );
  const others = refused.filter((pair) => !/ -g$|^-g /.test(pair));
  const codecs = ["-c", "-l", "-p", "-z", "--compress", "--compression-level", "--dedupe"];
  expect(others.sort()).toEqual(
    [
      ...["--privacy-keep", "--privacy-extra", "--sign", "--manifest-digests"],
      ...PRIVATE.split(","),
      ...codecs.flatMap((codec) => [`${codec} -E`, `${codec} --format`]),
      ...[
        "-l --compression-level",
        "-p --compression-level",
        "-F -f",
        "-F --on-full",
        "-F --sync",
        "--json --show-stats",
      ],
    ].sort(),
  );
});

test("what the table names as a condition, the command has", () => {
  for (const command of COMMAND_NAMES) {
    const options = optionsOf(command);
    for (const { name, idle = [], alone = [] } of options.values()) {
      // Those of a configuration file may name options of some of the commands that have it.
      const here = idle.filter((one) => one.only === undefined && (one.in === undefined || one.in.includes(command)));
      const named = [...here.flatMap(({ beside = [], without = [] }) => [...beside, ...without]), ...alone];
      for (const condition of named) {
        const [other = "", value] = condition.split("=");
        expect({ command, name, other: options.get(other)?.name }).toEqual({ command, name, other });
        if (value !== undefined) expect(options.get(other)).toMatchObject({ choices: expect.arrayContaining([value]) });
      }
    }
  }
});

test.each<[CommandName, string[], Record<string, string | true>, RegExp | undefined]>([
  [
    "filter",
    ["vmcore", "-"],
    { force: true },
    /^-f has no effect if the output goes to stdout\. Add --manifest or --report, or leave out -f$/,
  ],
  ["filter", ["vmcore", "-"], { force: true, report: "r.html" }, undefined],
  ["filter", ["vmcore", "-"], { sync: true, report: "r.html" }, /^--sync has no effect if the output goes to stdout/],
  ["filter", ["vmcore"], { flatten: true, force: true }, /^-f has no effect if the output goes to stdout/],
  ["filter", ["vmcore", "https://host/x"], { force: true }, /^-f has no effect if the output goes to a URL/],
  ["filter", ["vmcore", "s3://bucket/x"], { sync: true }, /^--sync has no effect if the output is an object/],
  ["filter", ["vmcore", "s3://bucket/x"], { force: true }, undefined],
  ["filter", ["vmcore", "out"], { force: true, sync: true }, undefined],
  ["split", ["vmcore", "s3://b/1", "out"], { sync: true }, undefined],
  ["split", ["vmcore", "s3://b/1", "s3://b/2"], { sync: true }, /^--sync has no effect if the output is an object/],
  ["handover", ["vmcore", "-"], { force: true }, /^-f has no effect/],
  ["handover", ["vmcore", "-"], { sign: "key" }, /^--sign has no effect .*Add --manifest or --result/],
  ["handover", ["vmcore", "-"], { sign: "key", result: "r" }, undefined],
  ["rearrange", ["flat", "out"], { "spool-dir": "d" }, /^--spool-dir has no effect if the output is not packed/],
  ["rearrange", ["flat", "out.gz"], { "spool-dir": "d" }, undefined],
  ["rearrange", ["flat", "out.gz"], { "spool-dir": "d", pack: "none" }, /^--spool-dir has no effect/],
  ["audit", ["vmcore"], { force: true }, /^-f has no effect without --rules or --result/],
  [
    "jobs",
    ["cancel", "3f09"],
    { json: true },
    /^--json has no effect here: it is an option of `jobs list`, `jobs watch`, `jobs clean`/,
  ],
  ["jobs", [], { limit: "5" }, undefined],
  ["jobs", ["watch", "3f09"], { limit: "5" }, /^--limit has no effect here/],
  [
    "jobs",
    ["clean", "d"],
    { "without-redis": true, "older-than": "1", redis: "x" },
    /^--redis has no effect beside --without-redis/,
  ],
  ["submit", ["vmcore", "out"], { "wait-timeout": "5" }, /^--wait-timeout has no effect without --wait/],
])("%s %j %j", (command, files, words, says) => {
  const options = optionsOf(command);
  const check = () => wordsWithEffect(command, words, files, Object.keys(words));
  expect(Object.keys(words).every((name) => options.has(name))).toBe(true);
  if (says === undefined) expect(check()).toEqual(words);
  else expect(failureOf(check)).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(says) });
  // A configuration file serves several runs: what has no effect in this one is taken away.
  const left = wordsWithEffect(command, words, files, []);
  expect(Object.keys(left).length).toBe(Object.keys(words).length - (says === undefined ? 0 : 1));
});

/** The request of a filter run, with options that a configuration file adds. */
function requestOf(argv: readonly string[], config: Readonly<Record<string, string | true>> = {}) {
  const { words, files, given } = yargsWords("filter", argv);
  const left = wordsWithEffect("filter", { ...config, ...words }, files, given);
  return {
    ...parseValues("filter", left),
    ...(left["write-vmcoreinfo"] === undefined ? filterRequest({ ...parseValues("filter", left), files }) : {}),
  };
}

test.each<[string, Readonly<Record<string, string | true>>]>([
  ["a out -E", { compress: "lzo", "compression-level": "9", dedupe: true }],
  ["a out --format lime", { zstd: true, "compression-level": "19", "on-full": "incomplete" }],
  ["a out --format raw", { zlib: true, dedupe: true }],
  ["a out -l", { "compression-level": "9" }],
  ["a out --compress snappy", { "compression-level": "9" }],
  ["a out.zst", { "compression-level": "9", "on-full": "incomplete" }],
  ["a out --privacy", { level: "1", "privacy-keep": "comm" }],
  ["a out --privacy-strict", { exclude: "" }],
  ["a out", { "privacy-extra": "tty", "privacy-keep": "comm", sign: "key", "manifest-digests": "output" }],
  ["a -F", { force: true, sync: true, "on-full": "incomplete", "min-saving": "5" }],
  ["a -", { force: true, sync: true, "on-full": "incomplete", "min-saving": "5" }],
  ["a https://host/x", { force: true, sync: true, "on-full": "incomplete" }],
  ["a out --on-full incomplete", { "min-saving": "5" }],
  ["a out --json", { "show-stats": true }],
  ["a -g info", { manifest: "m", report: "r", level: "1", compress: "zstd", "on-full": "incomplete", json: true }],
])("what has no effect beside %s is neither refused nor used from a configuration file", (line, config) => {
  expect(requestOf(line.split(" "), config)).toEqual(requestOf(line.split(" ")));
});

test("what has an effect is taken from a configuration file", () => {
  const config = { "compression-level": "9", "on-full": "incomplete", level: "1", dedupe: true } as const;
  expect(requestOf(["a", "out", "-z"], config)).toMatchObject({
    ...{ codec: { name: "zstd", level: 9 }, onFull: "incomplete", level: 1, dedupe: true },
  });
  expect(requestOf(["a", "out.zst", "-z"], config)).toMatchObject({ codec: { level: 9 }, onFull: "nothing" });
});

test.each([
  ["a out -d 1", { privacy: true }, /--privacy drops all that level 31 drops/],
  ["a out -z", { elf: true }, /^ELF dumps cannot be compressed/],
  ["a out -f", { flatten: true }, /^-f has no effect if the output goes to stdout/],
] as const)("what a configuration file asks for is not dropped for %s", (line, config, says) => {
  expect(failureOf(() => requestOf(line.split(" "), config)).message).toMatch(says);
});

const SURROUNDINGS = { signal: new AbortController().signal, threads: undefined };

test.each([
  ["a flag, on and off", ["vmcore", "out", "-f", "--force=false"], "-f"],
  ["off and on", ["vmcore", "out", "-f", "false", "-f"], "-f"],
  ["in one word", ["vmcore", "out", "-f=false", "-cf"], "-f"],
  ["both names", ["vmcore", "out", "-d", "0", "--level", "1"], "-d"],
  ["two values", ["info", "vmcore", "--raw", "0", "--raw=1", "--raw", "0"], "--raw"],
])("an option that is no list has one value: %s", async (_, args, name) => {
  const error = await failureOfAsync(() => parseCommandLine(args, SURROUNDINGS));
  expect(error.message).toBe(`${name} was given twice, with different values. Give it once`);
  expect(exitCodeOf(error, undefined)).toBe(2);
});

test.each<[readonly string[], OptionWords]>([
  [["vmcore", "out", "-f", "-f"], { force: true }],
  [["vmcore", "out", "-ff", "--force=true"], { force: true }],
  [["vmcore", "out", "--force=false", "-f", "false"], { force: false }],
  [["vmcore", "out", "-d", "31", "-d31", "--level=31"], { level: "31" }],
  [["vmcore", "out", "-cf", "-fc"], { zlib: true, force: true }],
  [["vmcore", "out", "--raw", "0", "--raw=0"], { raw: "0" }],
])("given twice with one value is given once: %j", (args, words) => {
  expect(yargsWords("filter", args)).toMatchObject({ words, files: ["vmcore", "out"], given: Object.keys(words) });
});

test.each([
  [
    ["--privacy", "a", "--privacy", "strict", "b"],
    ["--privacy", "a", "--privacy-strict", "b"],
  ],
  [
    ["--privacy=strict", "a", "--privacy", "strict", "b"],
    ["--privacy-strict", "a", "--privacy-strict", "b"],
  ],
  [
    ["strict", "--privacy", "strict", "--", "--privacy", "strict"],
    ["strict", "--privacy-strict", "--", "--privacy", "strict"],
  ],
])("--privacy strict, wherever it stands: %j", (args, words) => {
  expect(privacyWords(args)).toEqual(words);
});

test("lists are given as often as they have values", () => {
  const { words } = yargsWords("verify", ["small", "--against", "a", "--against", "b"]);
  expect(words["against"]).toEqual(["a", "b"]);
});
