/** Dumps that come through pipes and packed files, with the built program: the output is that of the plain file. */
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { expectFailure, inFolder, runCli, startCli } from "../support/cli.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const at = inFolder(folder);
const posix = process.platform !== "win32";
/** A pipe in front of the program: "$0" is the first word, "$@" the program. */
const from = (command: string) => ({ shell: `${command} | "$@"` });
/** The writing end of a FIFO, as soon as somebody reads from it. */
async function openedFifo(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
const sameAs = (path: string, expected: Buffer) => expect(readFileSync(path).equals(expected)).toBe(true);

test("a plain dump is not written to stdout: -F is named", async () => {
  expectFailure(await runCli(["no-such-dump", "-"]), 2, "needs seeking", "Use -F");
});

describeWithDumps("a dump through a pipe", () => {
  let vmcore = "";
  let flat = "";
  let expected: Buffer;
  beforeAll(async () => {
    const dump = await realDump("tiny-x86-6.1");
    vmcore = dump.vmcore;
    flat = dump.flat as string;
    await runCli([vmcore, at("plain"), "-d31", "-l", "-q"]);
    expected = readFileSync(at("plain"));
  });

  test.runIf(posix)("stdin, and no temporary file is left", async () => {
    const spool = temporaryFolder();
    const args = ["-", at("stdin"), "-d31", "-l", "--json", "--spool-dir", spool];
    const run = await runCli(args, from(`cat '${vmcore}'`));
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout.toString())).toMatchObject({ inputPages: 8256 });
    sameAs(at("stdin"), expected);
    expect(readdirSync(spool)).toEqual([]);
  });

  test.runIf(posix)("stdin that is a file, packed or not, is read as one", async () => {
    writeFileSync(at("vmcore.gz"), gzipSync(readFileSync(vmcore), { level: 1 }));
    for (const file of [vmcore, at("vmcore.gz")]) {
      const run = await runCli(["-", at("redirected"), "-d31", "-l", "-f", "-q"], { shell: `"$@" < '${file}'` });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      sameAs(at("redirected"), expected);
    }
  });

  test.runIf(posix)("a FIFO that is opened before anybody writes to it", async () => {
    spawnSync("mkfifo", [at("fifo")]);
    const shell = `(sleep 0.5; cat '${vmcore}' > '${at("fifo")}') & "$@"`;
    const run = await runCli([at("fifo"), at("from-fifo"), "-d31", "-l", "-q"], { shell });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    sameAs(at("from-fifo"), expected);
  });

  test.runIf(posix)("SIGTERM while nobody writes to the FIFO", async () => {
    spawnSync("mkfifo", [at("silent")]);
    const run = startCli([at("silent"), at("never"), "-q"]);
    run.collect();
    const writer = await openedFifo(at("silent"));
    run.child.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ code: 143, signal: null });
    closeSync(writer);
    expect(readdirSync(folder).filter((name) => name.includes("never"))).toEqual([]);
  });

  test.runIf(posix)("flattened dumps: our own out of a pipe, packed on the way, and QEMU's", async () => {
    const inner = `'${process.execPath}' '${join(import.meta.dirname, "../../dist/cli/main.js")}'`;
    const chain = `${inner} -F '${vmcore}' -d1 -q | gzip -1`;
    await runCli(["-", at("chained"), "-d31", "-l", "-q"], from(chain));
    sameAs(at("chained"), expected);
    const info = await runCli(["info", "-", "--json"], from(`cat '${flat}'`));
    expect(JSON.parse(info.stdout.toString())).toMatchObject({ flattened: true, filtering: { possible: true } });
  });

  test.runIf(posix)("all commands take it", async () => {
    const verified = await runCli(["verify", "-", "-q"], from(`cat '${vmcore}' | gzip -1`));
    expect(verified.stdout.toString()).toContain("nothing is wrong");
    const log = await runCli(["dmesg", at("vmcore.gz")]);
    expect(log.stdout.toString()).toContain("Run /init as init process");
    const audit = await runCli(["audit", "-", "--json"], from(`cat '${vmcore}'`));
    expect(audit.code).toBe(1);
    const estimate = await runCli(["estimate", "-", "--json"], from(`cat '${vmcore}'`));
    expect(estimate).toMatchObject({ code: 0, stderr: "" });
  });

  test.runIf(posix)("a stream that ends too early, or has no room in the temporary file", async () => {
    const cut = await runCli(["-", at("none")], from(`cat '${vmcore}' | gzip -1 | head -c 1000000`));
    expectFailure(cut, 1, /^coresieve: stdin: its gzip stream ends too early/);
    const full = await runCli(["-", at("none"), "--spool-limit", "1M"], from(`cat '${vmcore}'`));
    expectFailure(full, 1, "is full", "--spool-dir");
    const empty = await runCli(["info", "-"], from("true"));
    expectFailure(empty, 1, "stdin: is empty");
    expect(readdirSync(folder).filter((name) => name.includes("none"))).toEqual([]);
  });
});
