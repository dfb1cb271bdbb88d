/** A temporary file that keeps its name (as on Windows) goes with the program, and is forgotten when it was dropped before. */
import { existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dropSpoolFile, watchSpoolFile } from "../../../../src/reader/source/spool/drop-spool.js";
import { dropUnfinished } from "../../../../src/unfinished.js";
import { temporaryFolder } from "../../../support/filter.js";

const folder = temporaryFolder();

function spooled(name: string) {
  const path = join(folder, name);
  const fd = openSync(path, "wx+", 0o600);
  writeSync(fd, "memory of a machine");
  watchSpoolFile(fd, path);
  return { path, fd };
}

test("what was not dropped is removed when the program ends", () => {
  const { path } = spooled("left.spool");
  expect(dropUnfinished()).toEqual({ count: 1, left: [] });
  expect(existsSync(path)).toBe(false);
});

test("what was dropped is forgotten: its number may be another file's by then", () => {
  const { path, fd } = spooled("dropped.spool");
  dropSpoolFile(fd, path);
  expect(existsSync(path)).toBe(false);
  expect(dropUnfinished()).toEqual({ count: 0, left: [] });
});
