/** What a service shows of an error has no place on its machine that the caller did not name. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";
import { codecOf, type DumpError, filterDump, openDump, openInput, Warnings } from "../../src/index.js";
import { foreignReason } from "../../src/option-words.js";
import { runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { buildKdump } from "../support/kdump-image.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
/** A name that stands in no message. */
const hidden = join(folder, "hidden-place");
mkdirSync(hidden);
const pages = new Map(
  Array.from({ length: 64 }, (_, i) => [i, { codec: "raw" as const, data: Buffer.alloc(4096, i + 1) }]),
);
const kdump = buildKdump({ pages });
const vmcore = join(folder, "vmcore");
writeFileSync(vmcore, kdump);
const before = process.env["TMPDIR"];
afterEach(() => {
  if (before === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = before;
});

function expectHidden(error: DumpError, code: string): void {
  expect(error.code).toBe(code);
  for (const text of [error.message, error.summary, error.reason, error.file, error.cure, error.left]) {
    expect(text ?? "").not.toContain("hidden-place");
  }
}

const stream = () => Readable.from([kdump]);
const level = { level: 0, format: "kdump", codec: codecOf("none") } as const;

test("the system's folder of temporary files", async () => {
  process.env["TMPDIR"] = join(hidden, "missing");
  expectHidden(await failureOfAsync(() => openInput(stream())), "NOT_WRITABLE");
  process.env["TMPDIR"] = hidden;
  const full = await failureOfAsync(() => openInput(stream(), new Warnings(), { spool: { limit: 1000 } }));
  expectHidden(full, "NO_SPACE");
  expect(full.file).toBe("the folder of temporary files");
  // One that was named is shown as it was named.
  const dir = join(hidden, "missing");
  const named = await failureOfAsync(() => openInput(stream(), new Warnings(), { spool: { dir } }));
  expect(named.file).toBe(dir);
});

test("what a link leads to", async () => {
  const dump = openDump(vmcore);
  const run = async (path: string) => failureOfAsync(() => filterDump(dump, { ...level, output: { path } }));
  const link = join(folder, "link");
  symlinkSync(join(hidden, "nothing"), link);
  expectHidden(await run(link), "OUTPUT_EXISTS");
  const device = join(folder, "device");
  symlinkSync("/dev/zero", device);
  const refused = await run(device);
  expect(refused.message).not.toContain("/dev/zero");
  dump.close();
  const { stderr } = await runCli([vmcore, link]);
  expect(stderr.toString()).toContain(join("hidden-place", "nothing"));
});

test("a module that cannot be loaded, and what Node says", async () => {
  const extension = join(hidden, "extension.mjs");
  writeFileSync(extension, 'import "./not-there.mjs"; export const decide = () => undefined;\n');
  chmodSync(extension, 0o600);
  symlinkSync(extension, join(folder, "extension.mjs"));
  const dump = openDump(vmcore);
  const output = { path: join(folder, "out") };
  const path = join(folder, "extension.mjs");
  const error = await failureOfAsync(() => filterDump(dump, { ...level, output, extension: { path } }));
  dump.close();
  expectHidden(error, "EXTENSION");
  expect(error.message).toContain("not-there.mjs");
});

test.each([
  [
    "Cannot find module '/srv/app/lib/x.mjs' imported from /srv/app/y.mjs",
    "Cannot find module 'x.mjs' imported from y.mjs",
  ],
  [`at ${pathToFileURL("/srv/app/z.js").href}:3:1`, "at z.js:3:1"],
  ["open 'C:\\Users\\me\\x.dll' failed", "open 'x.dll' failed"],
  ["ratio 3/4 of and/or, https://example.org/a/b", "ratio 3/4 of and/or, https://example.org/a/b"],
  ["the folder /tmp", "the folder /tmp"],
])("%s", (said, shown) => {
  expect(foreignReason(new Error(said))).toBe(shown);
});
