/** The manual pages: what the help texts say, and nothing that troff complains of. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { optionsOf } from "../../src/cli/options/table.js";
import { manPages } from "../support/man-page.js";

const root = new URL("../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(`man/${name}`, root), "utf8").replaceAll("\r\n", "\n");

test("the pages are those of the help texts and the options of today: `npm run man` makes them anew", async () => {
  for (const [name, page] of Object.entries(await manPages(root))) expect(read(name)).toBe(page);
});

test("every option has an entry of its own", () => {
  const page = read("coresieve.1");
  for (const name of COMMAND_NAMES) {
    for (const option of optionsOf(name).keys()) {
      const entry = `(\\-\\w, )?\\-\\-${option.replaceAll("-", "\\-")}`.replaceAll("\\-", "\\\\-");
      expect(page).toMatch(new RegExp(`^\\.B "${entry}[ "]`, "m"));
    }
  }
});

const groff = spawnSync("groff", ["--version"]).error === undefined;
test.runIf(groff).each(["coresieve.1", "coresieve-makedumpfile.1"])("%s: troff warns of nothing", (name) => {
  const run = spawnSync("groff", ["-man", "-ww", "-z", "-Tutf8"], { input: read(name), encoding: "utf8" });
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
});
