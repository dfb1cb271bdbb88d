/** docs/makedumpfile-options.md and the help against the options as they are. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MAKEDUMPFILE_HELP } from "../../../src/cli/makedumpfile/help.js";
import { MAKEDUMPFILE_OPTIONS, optionName } from "../../../src/cli/makedumpfile/option-table.js";

const docs = readFileSync(new URL("../../../docs/makedumpfile-options.md", import.meta.url), "utf8");

/** Options of the table with what becomes of them. */
const rows = [...docs.matchAll(/^\| (`-.*?) \| (served|no effect|refused) \| /gm)].flatMap(([, names, fate]) =>
  [...(names as string).matchAll(/`(--?\w[\w-]*)[^`]*`/g)].map(([, name]) => [name as string, fate as string] as const),
);

test("the table has every option once, and says truly which are refused", () => {
  const names = [...MAKEDUMPFILE_OPTIONS.map(optionName), "--help"];
  expect(rows.map(([name]) => name).sort()).toEqual(names.sort());
  const refused = MAKEDUMPFILE_OPTIONS.filter((option) => option.refused !== undefined).map(optionName);
  expect(
    rows
      .filter(([, fate]) => fate === "refused")
      .map(([name]) => name)
      .sort(),
  ).toEqual(refused.sort());
});

test("the help fits a screen and names every option", () => {
  const lines = MAKEDUMPFILE_HELP.trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(45);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  const missing = MAKEDUMPFILE_OPTIONS.map(optionName).filter(
    (name) => !name.startsWith("--xen") && !MAKEDUMPFILE_HELP.includes(name),
  );
  expect(missing).toEqual([]);
  expect(MAKEDUMPFILE_HELP).toContain("--xen*");
});
