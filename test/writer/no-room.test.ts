/** Room that is missing, on a disk, in a quota or up to a limit on file sizes, is called so wherever it is noticed, with the cure for that. */
import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { isWithoutRoom } from "../../src/reader/source/byte-source.js";
import { stagingError } from "../../src/shard/folder-staging.js";
import { cannotBeCreated } from "../../src/writer/output-path.js";
import { streamTarget } from "../../src/writer/stream-target.js";

const failure = (code: string) => Object.assign(new Error(`${code}: no room`), { code });

describe.each(["ENOSPC", "EDQUOT", "EFBIG"])("%s", (code) => {
  const said = { code: "NO_SPACE", cure: expect.stringContaining("Make room") };

  test("a file that cannot be created", () => {
    expect(cannotBeCreated("out", failure(code))).toMatchObject(said);
  });

  test("a file of a staging", () => {
    expect(stagingError("staging/plan.json", failure(code))).toMatchObject(said);
  });

  test("a stream", async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(failure(code)) });
    await expect(streamTarget(full, "stdout").write(new Uint8Array(10))).rejects.toMatchObject(said);
  });
});

test("nothing else is", () => {
  expect(["EIO", "EROFS", "EACCES"].map((code) => isWithoutRoom(failure(code)))).toEqual([false, false, false]);
  expect(cannotBeCreated("out", failure("EACCES"))).toMatchObject({ code: "NOT_WRITABLE" });
});
