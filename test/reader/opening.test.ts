/** Formats whose whole file is gone through before anything is read: a signal is heard meanwhile. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { openInput } from "../../src/reader/open-input.js";
import { Warnings } from "../../src/warnings.js";
import { temporaryFolder } from "../support/filter.js";
import { buildLkcd } from "../support/lkcd-image.js";

const folder = temporaryFolder();

test("a long LKCD dump that is being opened is left at a signal, and read whole without one", async () => {
  const path = join(folder, "lkcd");
  writeFileSync(path, buildLkcd({ pieces: [{ start: 0, data: Buffer.alloc(9000 * 4096) }] }));
  // Each piece of the work takes long, however fast the machine is.
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => {
    now += 1000;
    return now;
  });
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const opening = openInput(path, new Warnings(), { signal: controller.signal });
  await expect(opening).rejects.toMatchObject({ code: "ABORTED" });
  clock.mockRestore();
  const [whole, atOnce] = [await openInput(path), openDump(path)];
  expect([whole.maxMapnr, atOnce.maxMapnr]).toEqual([9000, 9000]);
  whole.close();
  atOnce.close();
});
