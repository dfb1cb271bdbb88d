/** Plain command lines: what is read without yargs is read as yargs does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../../src/cli/command.js";
import { filterCommand } from "../../src/cli/commands/filter.js";
import { COMMAND_NAMES, commandNamed } from "../../src/cli/commands.js";
import { plainWords } from "../../src/cli/plain-words.js";
import { yargsWords } from "../../src/cli/yargs-words.js";

const commands: Command[] = [filterCommand];
for (const name of COMMAND_NAMES) {
  const command = await commandNamed(name);
  if (command !== undefined) commands.push(command);
}

/** What a command sees of the values: names in camel case, without those that are undefined. */
function seen(values: Readonly<Record<string, unknown>>, { options }: Command) {
  const camel = Object.keys(options).map((name) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
  return Object.fromEntries(
    ["_", ...camel].map((name) => [name, values[name]]).filter(([, value]) => value !== undefined),
  );
}

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
  for (const command of commands) {
    const names = Object.entries(command.options).flatMap(([name, { alias }]) => [
      `--${name}`,
      ...(typeof alias === "string" ? [`-${alias}`] : []),
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
        const values = plainWords(command, argv);
        if (values === undefined) return;
        plain++;
        expect(seen(values, command)).toEqual(seen(yargsWords(command, argv).args, command));
      }),
      { numRuns: command === filterCommand ? 300 : 30 },
    );
  }
  expect(plain).toBeGreaterThan(100);
});

test("usual filter runs are plain", () => {
  expect(plainWords(filterCommand, ["-l", "-d", "31", "vmcore", "out", "--num-threads", "2", "-f"])).toMatchObject({
    ...{ _: ["vmcore", "out"], lzo: true, level: "31", numThreads: "2", force: true, zlib: false },
  });
});
