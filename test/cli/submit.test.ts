/** What `submit` refuses before it looks for a queue. */
import { expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";

test("a vmlinux in a store", async () => {
  const run = await parseCommandLine(["submit", "in", "out", "-x", "s3://dumps/vmlinux"], {
    signal: new AbortController().signal,
    threads: undefined,
  });
  await expect((async () => run())()).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining("s3://dumps/vmlinux: is an object of a store"),
  });
});
