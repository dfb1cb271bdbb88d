/** Files that are no dump: each is called by its name, from a file and from a pipe. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inWords } from "../../src/option-words.js";
import { KNOWN_FILES, KNOWN_HEAD_SIZE, knownFile } from "../../src/reader/known-files.js";
import { openDump } from "../../src/reader/open.js";
import { checkHead } from "../../src/reader/open-sources.js";
import { noiseBytes } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOf } from "../support/open.js";

const folder = temporaryFolder();
const path = join(folder, "input");

const exampleOf = (marks: (typeof KNOWN_FILES)[number]["marks"]): Buffer => {
  const bytes = Buffer.alloc(KNOWN_HEAD_SIZE + 100, 0xa5);
  for (const [at, mark] of marks) bytes.write(mark, at, "latin1");
  return bytes;
};

test.each(KNOWN_FILES.map((row) => [row.name, row] as const))("%s", (name, { marks, cure, why }) => {
  const bytes = exampleOf(marks);
  expect(knownFile(bytes)).toMatchObject({ name, cure });
  writeFileSync(path, bytes);
  for (const failure of [failureOf(() => openDump(path)), failureOf(() => checkHead(bytes, path))]) {
    expect(failure).toMatchObject({
      code: "NOT_A_DUMP",
      file: path,
      what: `is ${name}, ${why ?? "which coresieve does not read"}`,
    });
    expect(failure.cure).toBe(inWords(cure));
    expect(failure.message).not.toContain("\n");
  }
});

test("bare memory, which is read with an option, is not said to be unreadable", () => {
  writeFileSync(path, Buffer.from("53ff00f0".repeat(1024), "hex"));
  const { message } = failureOf(() => openDump(path));
  expect(message).toMatch(
    /is bare memory of a PC, it seems, and does not say where it lies\. Let coresieve find that out/,
  );
  expect(message).not.toContain("does not read");
});

test("every mark lies in the bytes that are looked at, and none of two names for the same bytes hides the other", () => {
  for (const { marks } of KNOWN_FILES) {
    for (const [at, mark] of marks) expect(at + mark.length).toBeLessThanOrEqual(KNOWN_HEAD_SIZE);
  }
  expect(new Set(KNOWN_FILES.map(({ marks }) => JSON.stringify(marks))).size).toBe(KNOWN_FILES.length);
});

test("a file that is shorter than where a mark would lie, and one that nothing tells", () => {
  for (const { marks } of KNOWN_FILES) {
    const end = Math.max(...marks.map(([at, mark]) => at + mark.length));
    const { name } = knownFile(exampleOf(marks).subarray(0, end - 1)) ?? {};
    expect(name).not.toBe(knownFile(exampleOf(marks))?.name);
  }
  expect(knownFile(Buffer.concat([Buffer.from([0xa5]), noiseBytes(7, KNOWN_HEAD_SIZE)]))).toBeUndefined();
});

test("zeros at the beginning are called that", () => {
  writeFileSync(path, Buffer.alloc(KNOWN_HEAD_SIZE));
  expect(failureOf(() => openDump(path)).what).toMatch(/it begins with zeros only/);
});

test.each([
  ["ftp://host/vmcore", /stdout of `curl -L ftp:\/\/host\/vmcore`/],
  ["file:///var/crash/vmcore", /without file:\/\//],
  ["gs://bucket/vmcore", /s3:\/\/BUCKET\/KEY, https:\/\/ and http:\/\/ are read/],
  ["root@host:/var/crash/vmcore", /ssh HOST cat FILE/],
])("%s, an address instead of a name", (name, cure) => {
  const failure = failureOf(() => openDump(name));
  expect(failure).toMatchObject({ code: "NOT_READABLE", file: name });
  expect(failure.cure).toMatch(cure);
});
