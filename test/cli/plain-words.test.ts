/** Plain command lines: what is read without yargs is read as yargs does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { optionsOf } from "../../src/cli/options/table.js";
import { plainWords } from "../../src/cli/plain-words.js";
import { yargsWords } from "../../src/cli/yargs-words.js";

test("plain words mean what yargs says they do", () => {
  const odd = [
    "",
    "-",
    "--",
    "true",
    "false",
    "31",
    "-1",
    "1.5",
    "a b",
    "'a'",
    '"a"',
    "'",
    "a=b",
    "--no-zlib",
    "-ld31",
    "-d31",
  ];
  let plain = 0;
  for (const command of COMMAND_NAMES) {
    const names = [...optionsOf(command).values()].flatMap(({ name, letter }) => [
      `--${name}`,
      ...(letter === undefined ? [] : [`-${letter}`]),
    ]);
    const own = fc.constantFrom("--config", ...names);
    const word = fc.oneof(
      { weight: 3, arbitrary: own },
      { weight: 3, arbitrary: fc.constantFrom("dump", "out/put", "31", "a,b", "s3://b/k?x=1") },
      {
        weight: 1,
        arbitrary: fc.oneof(
          fc.constantFrom(...odd),
          fc.string(),
          own.map((name) => `${name}=x`),
        ),
      },
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        const found = plainWords(command, argv);
        if (found === undefined) return;
        plain++;
        const { words, files } = yargsWords(command, argv);
        expect(found).toEqual({ words, files });
      }),
      { numRuns: command === "filter" ? 300 : 30 },
    );
  }
  expect(plain).toBeGreaterThan(100);
});

test("usual filter runs are plain", () => {
  expect(plainWords("filter", ["-l", "-d", "31", "vmcore", "out", "--num-threads", "2", "-f"])).toEqual({
    files: ["vmcore", "out"],
    words: { lzo: true, level: "31", "num-threads": "2", force: true },
  });
});
