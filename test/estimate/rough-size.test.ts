/** The size that `coresieve info` names, against the file that a filter run really writes. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { estimateDump } from "../../src/estimate/estimate-dump.js";
import { roughSize } from "../../src/estimate/rough-size.js";
import { openDump } from "../../src/reader/open.js";
import { openSession } from "../../src/run/session.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();

async function roughly(path: string, signal?: AbortSignal): Promise<number | undefined> {
  const dump = openDump([path], new Warnings());
  try {
    return await roughSize(openSession(dump), codecOf("zlib", undefined), signal);
  } finally {
    dump.close();
  }
}

describeWithDumps("real dumps", () => {
  test.each(["tiny-x86-6.1", "tiny-arm-6.1-flatmem"])("%s: a sample is right to a twentieth", async (name) => {
    const { vmcore } = await realDump(name);
    const { outputBytes } = await filterFile(vmcore, join(folder, "out"), { level: 31, codec: "zlib" });
    expect(Math.abs(((await roughly(vmcore)) ?? 0) / outputBytes - 1)).toBeLessThan(0.05);
  });

  test("the sample is the one that an estimate of as many pages takes", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const dump = openDump([vmcore], new Warnings());
    const { levels } = await estimateDump(dump, { samplePages: 1024, codecs: ["zlib"], workers: sharedThread() });
    dump.close();
    expect(await roughly(vmcore)).toBe(levels[31]?.sizes[0]?.bytes);
  });

  test("a signal stops it", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    await expect(roughly(vmcore, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
  });
});
