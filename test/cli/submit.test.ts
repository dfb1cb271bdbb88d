/** What `submit` refuses before it looks for a queue. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";

let store: S3Double;
const folder = temporaryFolder();
const file = join(folder, "vmcore");

beforeAll(async () => {
  store = await startS3Double();
  writeFileSync(file, sampleDump());
});
afterAll(() => store.stop());

async function submit(...words: readonly string[]): Promise<void> {
  const run = await parseCommandLine(["submit", ...words], {
    signal: new AbortController().signal,
    threads: undefined,
  });
  await run();
}

test("a vmlinux that is not in the store", async () => {
  await expect(submit(file, join(folder, "out"), "-x", "s3://dumps/none")).rejects.toMatchObject({
    code: "NOT_READABLE",
    message: expect.stringContaining("s3://dumps/none"),
  });
});

test("a dump that is not there, where the vmlinux is", async () => {
  await store.put("dumps/vmlinux", Buffer.from("\x7fELF and more"));
  const missing = join(folder, "missing");
  await expect(submit(missing, join(folder, "out"), "-x", "s3://dumps/vmlinux")).rejects.toMatchObject({
    message: expect.stringContaining(missing),
  });
});
