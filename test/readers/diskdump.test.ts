/** A dump of diskdump as our tests build it: libkdumpfile reads every page of it as it is in the dump that it was built of. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { realDump } from "../support/dumps.js";
import { buildKdump, type KdumpPage } from "../support/kdump-image.js";
import { ramOf } from "../support/raw-image.js";
import { kdumpCheck, nothingWrong } from "./support/kdumpcheck.js";
import { Outputs } from "./support/outputs.js";
import { describeReader } from "./support/tools.js";

const PAGE = 4096;
const outputs = new Outputs();
afterAll(() => outputs.remove());

describeReader("diskdump", ["libkdumpfile"], () => {
  test.each([8, 4] as const)("words of %i bytes: has the pages that libkdumpfile finds in it", async (wordSize) => {
    const { vmcore } = await realDump(wordSize === 8 ? "tiny-x86-6.1" : "tiny-i386-6.1-flatmem");
    const pages = ramOf(vmcore).flatMap(({ start, data }) =>
      Array.from({ length: data.length / PAGE }, (_, i): [number, KdumpPage] => [
        start / PAGE + i,
        { codec: i % 3 === 0 ? "raw" : "zlib", data: data.subarray(i * PAGE, (i + 1) * PAGE) },
      ]),
    );
    const bytes = buildKdump({
      ...{ version: 1, pages: new Map(pages), status: 8, wordSize, packed32: true },
      utsname: { sysname: "Linux", release: "2.6.9", version: "#1", machine: wordSize === 8 ? "x86_64" : "i686" },
      header: { signature: "DISKDUMP" },
    });
    // The registers of a CPU.
    bytes.fill(0x5a, PAGE, PAGE + 216);
    writeFileSync(outputs.path("dump"), bytes);
    const { noteDifferences: _, ...right } = nothingWrong;
    expect(await kdumpCheck(vmcore, outputs.path("dump"))).toMatchObject({ ...right, read: pages.length });
  });
});
