/** LKCD's dumps as our tests build them: libkdumpfile reads every page of one as it is in the dump that it was built of. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { buildLkcd } from "../support/lkcd-image.js";
import { ramOf } from "../support/raw-image.js";
import { kdumpCheck, nothingWrong } from "./support/kdumpcheck.js";
import { Outputs } from "./support/outputs.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

const OLD = [1, 2, 3, 5, 6, 7].map((version) => ({ version, packing: version < 5 ? "rle" : "gzip" }) as const);

describeReader("LKCD dumps", ["libkdumpfile"], () => {
  test.each(OLD.flatMap((old) => [old, { ...old, wordSize: 4, machine: "i686" } as const]))(
    "%o: have the pages that libkdumpfile finds in them",
    async (options) => {
      const { vmcore } = await realDump("machine" in options ? "tiny-i386-6.1-flatmem" : "tiny-x86-6.1");
      const pieces = ramOf(vmcore);
      writeFileSync(outputs.path("dump"), buildLkcd({ pieces, ...options }));
      const check = await kdumpCheck(vmcore, outputs.path("dump"));
      const { noteDifferences: _, ...pages } = nothingWrong;
      expect(check).toMatchObject({ ...pages, read: pieces.reduce((sum, { data }) => sum + data.length / 4096, 0) });
    },
  );

  test.each(["none", "rle", "gzip"] as const)("%s: have the pages that libkdumpfile finds in them", async (packing) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const pieces = ramOf(vmcore);
    writeFileSync(outputs.path("dump"), buildLkcd({ pieces, packing }));
    const check = await kdumpCheck(vmcore, outputs.path("dump"));
    const { noteDifferences: _, ...pages } = nothingWrong;
    expect(check).toMatchObject({ ...pages, read: pieces.reduce((sum, { data }) => sum + data.length / 4096, 0) });
  });
});
