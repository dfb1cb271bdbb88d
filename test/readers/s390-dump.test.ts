/** Stand-alone dumps of s390 as our tests build them: libkdumpfile reads every page of one as it is in the dump that it was built of. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { ramOf } from "../support/raw-image.js";
import { buildS390Dump } from "../support/s390-dump.js";
import { kdumpCheck, nothingWrong } from "./support/kdumpcheck.js";
import { Outputs } from "./support/outputs.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

describeReader("s390 stand-alone dumps", ["libkdumpfile"], () => {
  test("have the pages that libkdumpfile finds in them", async () => {
    const { vmcore } = await realDump("tiny-s390x-6.12");
    const memory = Buffer.concat(ramOf(vmcore).map(({ data }) => data));
    writeFileSync(outputs.path("dump"), buildS390Dump({ memory }));
    const check = await kdumpCheck(vmcore, outputs.path("dump"));
    const { noteDifferences: _, ...pages } = nothingWrong;
    expect(check).toMatchObject({ ...pages, read: memory.length / 4096 });
  });
});
