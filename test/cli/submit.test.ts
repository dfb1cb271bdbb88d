/** What `submit` refuses before it looks for a queue. */
import { expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";

test.each([
  [["s3://dumps/in", "out"], "s3://dumps/in"],
  [["in", "s3://dumps/out"], "s3://dumps/out"],
  [["in", "out", "-x", "s3://dumps/vmlinux"], "s3://dumps/vmlinux"],
])("%j: objects of stores cannot be submitted", async (args, named) => {
  const run = await parseCommandLine(["submit", ...args], {
    signal: new AbortController().signal,
    threads: undefined,
  });
  await expect((async () => run())()).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining(`${named}: objects of stores cannot be submitted`),
  });
});
