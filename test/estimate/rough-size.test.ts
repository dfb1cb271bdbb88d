/** The size that `coresieve info` names, against the file that a filter run really writes. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { roughSize } from "../../src/estimate/rough-size.js";
import { openDump } from "../../src/reader/open.js";
import { openSession } from "../../src/run/session.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";

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

  test("a signal stops it", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    await expect(roughly(vmcore, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
  });
});
