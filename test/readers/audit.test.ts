/** What makedumpfile leaves of users at level 31: audit finds exactly the pages that a search without it finds. */
import { afterAll, describe, expect, test } from "vitest";
import { auditFile, CANARIES, pagesByText, searchElf, searchKdump } from "../audit/support.js";
import { goldenDumps, realDump } from "../support/dumps.js";
import { Outputs } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());
/** One line per dump and form, for the reports. */
const figures: string[] = [];
afterAll(() => console.log(figures.join("\n")));

describeReader("audit of makedumpfile's level 31", ["makedumpfile"], () => {
  describe.each(goldenDumps)("$name", ({ name, pageSize }) => {
    test.each([
      ["kdump", ["-l"], (path: string) => searchKdump(path, CANARIES)],
      ["ELF", ["-E"], (path: string) => searchElf(path, pageSize, CANARIES)],
    ] as const)("%s", async (form, options, search) => {
      const output = outputs.path(`${name}.${form}`);
      await runWell("makedumpfile", [...options, "-d", "31", "-f", (await realDump(name)).vmcore, output]);
      const result = await auditFile(output, CANARIES);
      const brute = search(output);
      expect(pagesByText(result, CANARIES)).toEqual(brute);
      // Pipes are kernel pages to every filter of today.
      expect(brute["KERNCANARY-pipe"]?.length).toBeGreaterThanOrEqual(8);
      expect(result).toMatchObject({ clean: false, damagedPages: 0 });
      const kinds = result.kinds.filter(({ verdict }) => verdict !== "kernel");
      const texts = Object.entries(brute).map(([text, pages]) => `${text} ${pages.length}`);
      figures.push(
        `${name} ${form}: ${result.pages} pages; ${kinds.map((one) => `${one.kind} ${one.pages - one.zeroPages}`).join(", ")}; ${texts.join(", ")}`,
      );
    });
  });
});
