/** What an audit finds, --erase takes: rules for all places, and a second round that finds nothing. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { CANARIES } from "./support.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = (...args: string[]) => runHere(args, { cwd: folder });

describeWithDumps("audit --rules", () => {
  test.each([
    ["-d", "0"],
    ["-d", "31"],
  ])("two rounds leave nothing: %s %s", async (...level) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    // The last stands in a note, too.
    writeFileSync(file("secrets"), [...CANARIES, "6.1.192-tiny"].join("\n"));
    expect((await run(vmcore, "one", "-f", ...level, "-c")).code).toBe(0);
    const first = await run("audit", "one", "--secrets", "secrets", "--rules", "rules", "-f");
    expect(first.code, first.stderr).toBe(1);
    const rules = readFileSync(file("rules"), "utf8");
    for (const text of CANARIES) expect(rules).not.toContain(text);
    const second = await run("one", "two", "-f", ...level, "-c", "--erase", "rules");
    expect(second.code, second.stderr).toBe(0);
    const again = await run(
      "audit",
      "two",
      "--original",
      vmcore,
      "--secrets",
      "secrets",
      "--rules",
      "again",
      "-f",
      "--json",
    );
    const result = JSON.parse(again.stdout.toString());
    expect(result.secrets.map(({ line, found }: { line: number; found: number }) => [line, found])).toEqual(
      result.secrets.map(({ line }: { line: number }) => [line, 0]),
    );
    expect(result).toMatchObject({ userDataPages: 0, unknownPages: 0, clean: true });
    expect(() => readFileSync(file("again"))).toThrow("ENOENT");
  });
});
