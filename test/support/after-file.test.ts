/** What a test file leaves to its end is done there, wherever it was asked for. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { endFile } from "./after-file.js";
import { sharedThread, temporaryFolder } from "./filter.js";

test("a folder and a thread that a test asks for are gone when its file ends, and the next file gets others", async () => {
  const [folder, thread] = [temporaryFolder(), sharedThread()];
  expect([existsSync(folder), sharedThread() === thread]).toEqual([true, true]);
  await endFile();
  expect([existsSync(folder), sharedThread() === thread]).toEqual([false, false]);
});
