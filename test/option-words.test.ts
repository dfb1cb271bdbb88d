/** The same error in the words of the library and of the command line, whichever thread it comes from. */
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type DumpError, openDump, Warnings } from "../src/index.js";
import { either, inWords, OPTION, piped } from "../src/option-words.js";
import { runCli } from "./support/cli.js";
import { temporaryFolder } from "./support/filter.js";
import { buildKdump } from "./support/kdump-image.js";
import { failureOf } from "./support/open.js";

const folder = temporaryFolder();
const cut = join(folder, "cut");
writeFileSync(cut, buildKdump({ pages: new Map([[0, { codec: "raw", data: new Uint8Array(4096) }]]) }));
truncateSync(cut, 9000);

test("an error, its parts, and what is made of it", async () => {
  const error: DumpError = failureOf(() => openDump(cut));
  expect(error.cure).toContain("use `salvage: true` for what is there of it");
  expect(error.message).toContain("`salvage: true`");
  expect(error.with({ what: "x" }).message).toContain("`salvage: true`");
  const { stderr } = await runCli(["info", cut]);
  expect(stderr.toString()).toContain("use --salvage for what is there of it");
  expect(stderr.toString()).not.toMatch(/\p{Co}/u);
});

test("a strict warning", () => {
  const strict = failureOf(() => new Warnings({ strict: true }).add("NOTE", `x ${OPTION.vmlinux}`));
  expect(strict.message).toBe("x `vmlinux: FILE` [NOTE]. Without `strict` the run would go on");
  const warnings = new Warnings();
  warnings.add("NOTE", { summary: `a: ${OPTION.raw}`, reason: OPTION.raw });
  expect(warnings.list).toEqual([{ code: "NOTE", message: "a: `raw`", count: 1 }]);
  expect(warnings.reasonOf("NOTE")).toBe("`raw`");
});

test("texts without options, and with several", () => {
  expect(inWords("a text")).toBe("a text");
  expect(inWords(`${either("a", "b")} ${piped("gpg -d FILE")} ${either("", "c")}`)).toBe(
    "b give openInput the stdout of `gpg -d FILE` c",
  );
});
