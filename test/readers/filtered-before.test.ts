/** makedumpfile's account of a dump that was filtered before, and ours of the same file. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { makedumpfileStats } from "../../src/cli/report.js";
import { realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { describeReader } from "./support/tools.js";

const folder = temporaryFolder();
const run = promisify(execFile);

/** The numbers of the report, by their names. What the file's header says of its end differs by section borders. */
function numbers(text: string): Record<string, number> {
  const lines = [...text.matchAll(/^ *([A-Z][\w -]+?) *: (0x[0-9a-f]+)$/gm)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  const { "Memory Hole": _, "Total pages": __, ...rest } = Object.fromEntries(lines);
  return rest;
}

describeReader("a dump that was filtered before has the numbers that makedumpfile prints", ["makedumpfile"], () => {
  const pairs = [16, 31].flatMap((first) => [31, 16, 0].map((second) => [first, second] as const));
  test.each(pairs)("level %i, then %i", async (first, second) => {
    const [once, theirs, ours] = ["once", "theirs", "ours"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await run("makedumpfile", ["-c", "-f", "-d", `${first}`, (await realDump("tiny-x86-6.1")).vmcore, once]);
    const { stdout, stderr } = await run("makedumpfile", [
      "-c",
      "-f",
      "-d",
      `${second}`,
      "--message-level",
      "16",
      once,
      theirs,
    ]);
    const told = numbers(`${stdout}${stderr}`);
    expect(Object.keys(told)).toContain("Free pages");
    expect(numbers(makedumpfileStats(await filterFile(once, ours, { level: second }), "kdump").join("\n"))).toEqual(
      told,
    );
  });
});
