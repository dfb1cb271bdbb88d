/** Cores of Xen domains as our tests build them: libkdumpfile reads every page of one as it is in the dump that it was built of. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { ramOf } from "../support/raw-image.js";
import { buildXenCore, xenContext } from "../support/xen-core.js";
import { kdumpCheck, nothingWrong } from "./support/kdumpcheck.js";
import { Outputs } from "./support/outputs.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

describeReader("Xen cores", ["libkdumpfile"], () => {
  test("have the pages that libkdumpfile finds in them", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const ram = ramOf(vmcore);
    const context = xenContext({ rip: 0xffff_ffff_8100_0000n, rsp: 0xffff_c900_0000_0000n, cr3: 0x1000n });
    writeFileSync(
      outputs.path("core"),
      buildXenCore({ pieces: ram, contexts: [context], order: (i, n) => (i * 7919) % n }),
    );
    const check = await kdumpCheck(vmcore, outputs.path("core"));
    const { noteDifferences: _, ...pages } = nothingWrong;
    expect(check).toMatchObject({ ...pages, read: ram.reduce((sum, { data }) => sum + data.length / 4096, 0) });
  });
});
