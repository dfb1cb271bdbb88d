/** The documents: every command that they show is one that the programs take, and every link leads somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { getoptLong } from "../../src/cli/makedumpfile/getopt.js";
import { MAKEDUMPFILE_OPTIONS, optionName } from "../../src/cli/makedumpfile/option-table.js";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { DumpError } from "../../src/errors.js";
import { temporaryFolder } from "../support/filter.js";
import { anchorsOf, commandsOf, linksOf } from "./markdown.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folders = [".", "docs", "docs/dev", "samples", "bench"];
const pages = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);
const textOf = (page: string) => readFileSync(resolve(root, page), "utf8");

/** What a run says without any file being there; `undefined` if nothing is wrong. */
async function complaint(args: readonly string[]): Promise<DumpError | undefined> {
  const context = { signal: new AbortController().signal, threads: undefined };
  try {
    const run = await parseCommandLine(args, context);
    if (!args.includes("-")) await run();
    return undefined;
  } catch (error) {
    if (error instanceof DumpError) return error;
    throw error;
  }
}

/** Words that stand for others, where not every word will do. */
const STAND_INS: Readonly<Record<string, string>> = {
  WHERE: "0",
  SHELL: "bash",
  COMMAND: "info",
  N: "1",
  DAYS: "30",
  HOURS: "24",
};

/** A word that is no command is taken for a dump: a misspelt command would be one. */
const mayBeDump = (word: string) => /vmcore|kcore|dump|[.:A-Z]/.test(word) || word === "-";

describe("every command shown is right", () => {
  const folder = temporaryFolder();
  const before = process.cwd();
  const write = vi.spyOn(process.stdout, "write");
  // No dump is there, so no command gets further than to the opening of one.
  beforeAll(() => {
    process.chdir(folder);
    write.mockReturnValue(true);
  });
  afterAll(() => {
    process.chdir(before);
    write.mockRestore();
  });

  test("commands are found", () => {
    expect(commandsOf(textOf("README.md")).length).toBeGreaterThan(15);
    expect(commandsOf("`X=1 coresieve a.elf [-d 1] > b | ssh HOST coresieve - c...`").map(({ args }) => args)).toEqual([
      ["a.elf", "-d", "1"],
      ["-", "c"],
    ]);
  });

  test.each(pages)("%s", async (page) => {
    for (const { line, program, inSentence, ...command } of commandsOf(textOf(page))) {
      const args = command.args.map((word) => STAND_INS[word] ?? word);
      if (program === "coresieve-makedumpfile") {
        expect(
          [...getoptLong(args, MAKEDUMPFILE_OPTIONS)].filter(({ kind }) => kind === "mistake"),
          line,
        ).toEqual([]);
        continue;
      }
      const [first] = args;
      if (first === undefined) continue;
      if (!first.startsWith("-") && !COMMAND_NAMES.some((name) => name === first)) {
        expect(mayBeDump(first), `${line}: ${first} is no command`).toBe(true);
      }
      const said = await complaint(args);
      if (said?.code === "BAD_OPTION" && !(inSentence && /was named|must be named|has no folder/.test(said.message))) {
        expect.fail(`${page}: ${line}: ${said.message}`);
      }
    }
  });
});

test.each(pages)("%s: every link leads to a file that is there, and to a heading of it", (page) => {
  for (const link of linksOf(textOf(page))) {
    if (/^https?:/.test(link)) continue;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    expect(existsSync(resolve(root, target)), `${link} leads to ${relative(root, resolve(root, target))}`).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(textOf(target)), link).toContain(anchor);
  }
});

test("docs/makedumpfile-options.md has a row for every option of makedumpfile, which says what becomes of it", () => {
  const rows = textOf("docs/makedumpfile-options.md")
    .split("\n")
    .filter((line) => line.startsWith("| `-"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const fateOf = (option: string) =>
    rows.find(([, names = ""]) => [...names.matchAll(/`([^` ]+)/g)].some(([, name]) => name === option))?.[2];
  for (const option of MAKEDUMPFILE_OPTIONS) {
    const fate = option.refused === undefined ? /^(served|no effect)$/ : /^refused$/;
    expect(fateOf(optionName(option)), optionName(option)).toMatch(fate);
  }
});
