/** The summary of a run: rows that stand under a number add up to it. */
import { writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { inFolder } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = (...args: string[]) => runHere(args, { cwd: folder });

beforeAll(() => writeFileSync(file("dump"), sampleDump()));

/** The rows of a summary: what is counted, how deep it stands, and the number. */
function rowsOf(summary: string) {
  return [...summary.matchAll(/^( +)(\S.{0,40}?) {2,}(-?[\d,]+) {2}(.*)$/gm)].map(
    ([, indent = "", what, pages = ""]) => ({
      ...{ depth: indent.length, what: what as string, pages: Number(pages.replaceAll(",", "")) },
    }),
  );
}

const sum = (rows: readonly { readonly pages: number }[]) => rows.reduce((all, { pages }) => all + pages, 0);

test.each([
  { options: ["--privacy"], reasons: 4 },
  { options: ["--privacy", "-E"], reasons: 4 },
  { options: ["--privacy", "-l", "-L", "1M", "--on-full", "incomplete"], reasons: 5 },
  { options: ["-L", "1M", "--on-full", "incomplete"], reasons: 0 },
])("$options", async ({ options, reasons }) => {
  const { stdout, stderr } = await run("dump", "out", "-f", ...options);
  const summary = stdout.toString();
  const rows = rowsOf(summary);
  const at = rows.findIndex(({ what }) => what === "kept");
  const kept = rows[at]?.pages ?? -1;
  const why = rows.slice(at + 1, at + 1 + reasons);
  expect(
    why.map(({ depth }) => depth),
    stderr,
  ).toEqual(Array(reasons).fill(4));
  if (reasons > 0) expect(sum(why)).toBe(kept);
  // All pages: the classes, and what is neither kept nor dropped by a class.
  const pages = Number(/^Pages +([\d,]+), 4 KiB each$/m.exec(summary)?.[1]?.replaceAll(",", ""));
  const last = rows.findIndex(({ what }) => what === "firmware, not RAM");
  expect(sum(rows.slice(0, last + 1).filter(({ depth }) => depth === 2))).toBe(pages);
  if (!options.includes("-E")) {
    const verified = JSON.parse((await run("verify", "out", "--json")).stdout.toString());
    expect(verified.readable - verified.zeros).toBe(kept);
  }
});
