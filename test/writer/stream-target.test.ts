/** Streams of callers: however they fail, it is an error of the output's. */
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { streamTarget } from "../../src/writer/stream-target.js";
import { failureOfAsync } from "../support/open.js";

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
