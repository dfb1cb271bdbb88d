/** Streams of callers: however they fail, it is an error of the output's. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { filterDump, openDump } from "../../src/index.js";
import { streamTarget } from "../../src/writer/stream-target.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";
import { sampleDump } from "../support/sample.js";

const boom = new Error("boom");

test.each([
  ["calls back with an error", () => new Writable({ write: (_bytes, _encoding, done) => done(boom) })],
  [
    "throws",
    () =>
      new Writable({
        write: () => {
          throw boom;
        },
      }),
  ],
  ["was destroyed", () => new Writable({ write: (_bytes, _encoding, done) => done() }).destroy(boom)],
])("one that %s", async (_, make) => {
  const target = streamTarget(make(), "the upload");
  const error = await failureOfAsync(async () => target.write(new Uint8Array(10)));
  expect(error).toMatchObject({ code: "NOT_WRITABLE", file: "the upload" });
});

test("one stream for two runs at once: the second is refused, and the first is whole", async () => {
  const path = join(temporaryFolder(), "vmcore");
  writeFileSync(path, sampleDump());
  const dump = openDump(path);
  const sent = (chunks: Buffer[]) =>
    new Writable({
      write(bytes: Uint8Array, _encoding, done) {
        chunks.push(Buffer.from(bytes));
        done();
      },
    });
  const [one, two]: Buffer[][] = [[], []];
  const alone = sent(one as Buffer[]);
  await filterDump(dump, { output: { stream: alone }, level: 1, workers: 1 });
  const shared = sent(two as Buffer[]);
  const run = () => filterDump(dump, { output: { stream: shared }, level: 1, workers: 1 });
  const first = run();
  const failure = failureOfAsync(run);
  await first;
  expect(await failure).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(/another run writes/) });
  expect(Buffer.concat(two as Buffer[]).equals(Buffer.concat(one as Buffer[]))).toBe(true);
  // One after the other is as good as before.
  expect((await run()).outputBytes).toBe(Buffer.concat(one as Buffer[]).length);
  dump.close();
});
