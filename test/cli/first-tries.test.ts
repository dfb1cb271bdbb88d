/** What newcomers type before they have read the help: the answer names the command that does it. */
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { beforeEach, expect, test } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/options/option.js";
import { commandMeant } from "../../src/cli/other-words.js";
import { expectFailure } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";

const root = temporaryFolder();
const sample = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
writeFileSync(join(root, "vmcore"), brotliDecompressSync(readFileSync(sample)));
let folder: string;
let number = 0;

beforeEach(() => {
  folder = join(root, `${number++}`);
  mkdirSync(folder);
  linkSync(join(root, "vmcore"), join(folder, "vmcore"));
});

const run = (...args: string[]) => runHere(args, { cwd: folder });

test("no command has a name that stands for another", () => {
  expect(COMMAND_NAMES.filter((name) => commandMeant(name) !== undefined)).toEqual([]);
});

test.each([
  [["shrink", "vmcore", "small"], 'command "shrink". `coresieve DUMP OUT` shrinks a dump; `coresieve --help` lists'],
  [["check", "vmcore"], 'command "check". Did you mean "verify"?'],
  [["crash", "vmcore"], 'command "crash". Did you mean "info"?'],
  [["help", "crash"], 'topic of help "crash". Did you mean "info"?'],
  [["help", "shrink"], 'topic of help "shrink". `coresieve DUMP OUT` shrinks a dump'],
  [["--hlep"], "option --hlep. Did you mean --help?"],
])("%j: a word of another program", async (args, says) => {
  expectFailure(await run(...args), 2, `coresieve: unknown ${says}`);
  expect(readdirSync(folder)).toEqual(["vmcore"]);
});

test.each([[["info", ""]], [["", "small"]], [["vmcore", ""]]])(
  "%j: a variable of the shell that is not set",
  async (args) => {
    expectFailure(await run(...args), 2, "coresieve: the name of a file is empty. Name the file");
    expect(readdirSync(folder)).toEqual(["vmcore"]);
  },
);

test.each([["-?"], ["/?"], ["--help"]])("%s is the help", async (word) => {
  const { code, stdout } = await run(word);
  expect({ code, help: stdout.toString().startsWith("coresieve makes") }).toEqual({ code: 0, help: true });
});

test("version is the version, and a dump of such a name a dump", async () => {
  expect((await run("version")).stdout).toEqual((await run("--version")).stdout);
  linkSync(join(root, "vmcore"), join(folder, "crash"));
  expect(await run("crash", "small", "-q")).toMatchObject({ code: 0 });
});

test("verify with the names exchanged, and with the original as a second dump", async () => {
  expect(await run("vmcore", "small", "-q")).toMatchObject({ code: 0 });
  const exchanged = await run("verify", "vmcore", "--against", "small");
  expect(exchanged.code).toBe(1);
  expect(exchanged.stdout.toString()).toMatch(
    /may be the wrong way round: `coresieve verify SMALL --against ORIGINAL`/,
  );
  const right = await run("verify", "small", "--against", "vmcore");
  expect(right.code).toBe(0);
  expect(right.stdout.toString()).not.toMatch(/wrong way round/);
  expectFailure(await run("verify", "small", "vmcore"), 2, /what verify compares with behind --against/);
});

test("report DUMP OUT.html", async () => {
  expect(await run("report", "vmcore", "page.html")).toMatchObject({ code: 0 });
  expect(readdirSync(folder).sort()).toEqual(["page.html", "vmcore"]);
  expectFailure(await run("report", "vmcore", "page.html"), 1, /page\.html: exists already/);
});

test("audit names the command that makes a dump without users' pages", async () => {
  const { code, stdout } = await run("audit", "vmcore");
  expect(code).toBe(1);
  expect(stdout.toString()).toMatch(/^Cure {5}`coresieve handover DUMP OUT` makes a dump without users' pages$/m);
});

test("info of a dump that is small already does not promise more", async () => {
  expect(await run("vmcore", "small", "-q")).toMatchObject({ code: 0 });
  expect((await run("info", "small")).stdout.toString()).toMatch(/^Shrinks to +about its own size/m);
  expect((await run("info", "vmcore")).stdout.toString()).toMatch(/^Shrinks to +about \d.*at level 31/m);
});

test.each(["info", "dmesg", "verify"])("%s with the vmlinux beside the dump, as crash takes it", async (command) => {
  const head = Buffer.alloc(64);
  head.write("7f454c460201010000000000000000000200", "hex");
  writeFileSync(join(folder, "vmlinux"), head);
  for (const files of [
    ["vmlinux", "vmcore"],
    ["vmcore", "vmlinux"],
  ]) {
    expectFailure(
      await run(command, ...files),
      2,
      /^coresieve: vmlinux: is a program or a vmlinux.*give it with -x FILE/,
    );
  }
});
