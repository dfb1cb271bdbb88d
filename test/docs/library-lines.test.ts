/** docs/library.md: the five lines for each task run as they stand there. */
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/library.md"), "utf8");
const section = /^## Five lines for each task\n([\s\S]*?)^## /m.exec(page)?.[1] ?? "";
const scripts = [...section.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, script]) => script as string);
const shown = [/^\d+ \d+\n$/, /^\d+ kernel\n/m, /^0 swapper\/0 \S+\n1 init \S+\n/];

describeWithDumps("five lines", () => {
  test("there are as many as are expected", () => expect(scripts).toHaveLength(shown.length));

  test.each(scripts.map((script, i) => [i, script] as const))("script %i", async (i, script) => {
    const folder = temporaryFolder();
    copyFileSync((await realDump("x86-6.12-tiny")).vmcore, join(folder, "vmcore"));
    const names = "codecOf, filterDump, openDump, pagesOf, tasksOf";
    const library = pathToFileURL(join(root, "dist/index.js")).href;
    writeFileSync(join(folder, "script.mjs"), `import { ${names} } from "${library}";\n${script}`);
    const run = spawnSync(process.execPath, ["script.mjs"], { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    expect(run.stdout).toMatch(shown[i] as RegExp);
  });
});
