/** handover: all steps in one go; what is found leaves nothing behind; records and page say what was done. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type HandOverProgress, handOver } from "../../src/handover/hand-over.js";
import { openInput } from "../../src/reader/open-input.js";
import { Warnings } from "../../src/warnings.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { temporaryFolder } from "../support/filter.js";
import { privateKernel } from "../support/kernel/private-kernel.js";
import { writeElf } from "../support/kernel-dump.js";
import { failureOfAsync } from "../support/open.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const run = (...args: string[]) => runHere(args, { cwd: folder });
/** In a process of its own, whose stdout takes a dump. */
const runTo = (...args: string[]) => runCli(args, { cwd: folder });

/** A key that openssl made for this test. */
const KEY =
  "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEHEqOrbiKzozipqUCv4tKp/fFPwvelFRqanU0+FcxWm\n-----END PRIVATE KEY-----\n";
const PUBLIC =
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPTaeO2837HcZ238qpURbvphnhgf7NSkSNYnrn10PZQE=\n-----END PUBLIC KEY-----\n";
/** What the image of every kernel has in it. */
const FOUND = "Linux version";

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(file(name), { recursive: true });
  writeFileSync(file("key"), KEY);
  writeFileSync(file("key.pub"), PUBLIC);
  writeFileSync(file("absent"), "a text that no dump has 7613\n");
  writeFileSync(file("present"), `${FOUND}\n`);
});
const left = () => readdirSync(folder).filter((name) => !["key", "key.pub", "absent", "present"].includes(name));

test("what was said of the kernel counts for all steps: a dump without VMCOREINFO, and -i", async () => {
  const kernel = privateKernel();
  writeElf(file("dump"), kernel, { notes: [] });
  const info = kernel.notes.find(({ name }) => name === "VMCOREINFO");
  writeFileSync(file("info.txt"), info?.desc ?? "");
  const made = await run("handover", "dump", "out", "-i", "info.txt", "--json");
  expect(made.code, made.stderr).toBe(0);
  expect(JSON.parse(made.stdout.toString()).audit).toMatchObject({ clean: true, unknownPages: 0 });
});

describeWithDumps("handover", () => {
  test("a dump that passes: records, signatures and a page beside it, all of one run", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const made = await run("handover", vmcore, "out", "--secrets", "absent", "--sign", "key");
    expect(made.code, made.stderr).toBe(0);
    expect(left().sort()).toEqual(
      ["out", "out.audit.json", "out.audit.json.sig", "out.html", "out.json", "out.json.sig"].sort(),
    );
    const checked = await run(
      ...["verify", "out", "--manifest", "out.json", "--audit", "out.audit.json", "--key", "key.pub"],
      ...["--against", vmcore, "--json"],
    );
    expect(checked.code, checked.stdout.toString()).toBe(0);
    expect(JSON.parse(checked.stdout.toString())).toMatchObject({
      signed: true,
      audit: { clean: true, sameFile: true },
    });
    const manifest = JSON.parse(readFileSync(file("out.json"), "utf8"));
    expect(manifest).toMatchObject({ output: { name: "out" }, options: { privacy: true, level: 31 } });
    expect(manifest.input.files[0].sha256).toMatch(/^[0-9a-f]{64}$/);
    const page = readFileSync(file("out.html"), "utf8");
    expect(page).toContain(manifest.output.sha256);
    expect(page).not.toContain("<script");
    for (const text of manifest.privacy.remains) expect(page).toContain(text.slice(1).replaceAll("'", "&#39;"));
  });

  test.each([
    { asked: [], filter: ["--privacy"] },
    { asked: ["--strict"], filter: ["--privacy", "strict"] },
  ])("the dump is the one that a filter run makes: $filter", async ({ asked, filter }) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    writeFileSync(file("rules"), 'text "a text that no dump has 7613"\n');
    expect((await run("handover", vmcore, "out", "-l", "-q", ...asked, "--rules", "rules")).code).toBe(0);
    expect((await run(vmcore, "filtered", "-l", "-q", ...filter, "--erase", "rules")).code).toBe(0);
    expect(readFileSync(file("out")).equals(readFileSync(file("filtered")))).toBe(true);
    const { options } = JSON.parse(readFileSync(file("out.json"), "utf8"));
    const eraseSha256 = createHash("sha256").update('text "a text that no dump has 7613"\n').digest("hex");
    expect(options).toMatchObject({ privacy: true, privacyStrict: asked.length > 0, eraseSha256 });
  });

  test("a secret that is found leaves nothing; the rules that are written for it make the next run pass", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const found = await run("handover", vmcore, "out", "--secrets", "present", "--found", "rules", "--sign", "key");
    expect(found.code).toBe(1);
    expect(left()).toEqual(["rules"]);
    const said = found.stdout.toString();
    expect(said).toMatch(/line 1: page 0x[0-9a-f]+ at 0x[0-9a-f]+.*reserved/);
    expect(said).toContain("so no dump was written");
    // The next run needs all the other options again.
    expect(said).toContain("run the same command again with `--rules rules` in place of `--found rules`");
    expect(said).not.toContain(".partial");
    const again = await run("handover", vmcore, "out", "--secrets", "present", "--rules", "rules");
    expect(again.code, again.stdout.toString()).toBe(0);
    expect(readFileSync(file("out.html"), "utf8")).toContain("By your own");
    const json = await run("handover", vmcore, "other", "--secrets", "present", "--json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ handedOver: false, written: [], manifest: null });
    expect(left()).not.toContain("other");
  });

  test("to a stream: the dump on stdout, records where they are named", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const sent = await runTo("handover", vmcore, "-", "--manifest", "m.json", "--page", "p.html", "-l");
    expect(sent.code, sent.stderr).toBe(0);
    writeFileSync(file("out"), sent.stdout);
    expect((await run("verify", "out", "--manifest", "m.json", "--against", vmcore)).code).toBe(0);
    expect(left().sort()).toEqual(["m.json", "out", "p.html"]);
    const none = await runTo("handover", vmcore, "-", "--secrets", "present", "-l");
    expect([none.code, none.stdout.length]).toEqual([1, 0]);
  });

  test("a name that is taken is found out before the dump is read", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    writeFileSync(file("out.html"), "mine");
    expectFailure(await run("handover", vmcore, "out"), 1, "out.html", "exists already");
    expect(left()).toEqual(["out.html"]);
    expect(readFileSync(file("out.html"), "utf8")).toBe("mine");
    expectFailure(await run("handover", vmcore, "out", "--manifest", "out"), 2, "the same name");
    expectFailure(await run("handover", vmcore, "out.gz"), 2, "no packed files");
    expect(left()).toEqual(["out.html"]);
  });

  test("what was written is looked at, not what was meant: a byte that changes on the disk is found, and nothing is left", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const dump = await openInput(vmcore, new Warnings());
    let changed = false;
    const progress: HandOverProgress[] = [];
    const result = await handOver(dump, {
      output: { path: file("out") },
      files: { page: file("page") },
      format: "kdump",
      codec: { name: "none", level: undefined },
      workers: 1,
      onProgress(state) {
        progress.push(state);
        const partial = readdirSync(folder).find((name) => /^\.out\..*\.partial$/.test(name));
        // Before it is opened again: later, the time at which it was written to would tell.
        if (changed || state.phase !== "write" || state.done < state.total || partial === undefined) return;
        changed = true;
        const fd = openSync(file(partial), "r+");
        writeSync(fd, Buffer.from([0x5a, 0xa5]), 0, 2, 4_000_001);
        closeSync(fd);
      },
    });
    dump.close();
    expect(changed).toBe(true);
    expect(result).toMatchObject({ handedOver: false, written: [], manifest: undefined });
    expect(result.verified.counts).toEqual({ "different-page": 1 });
    expect(result.verified.files).toEqual([file("out")]);
    expect(left()).toEqual([]);
    const shares = progress.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  test("a stop leaves nothing", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    for (const phase of ["write", "audit", "compare"]) {
      const dump = await openInput(vmcore, new Warnings());
      const stop = new AbortController();
      const failed = await failureOfAsync(() =>
        handOver(dump, {
          ...{ output: { path: file("out") }, files: { manifest: file("m"), page: file("p") } },
          ...{ format: "kdump", codec: { name: "lzo", level: undefined }, workers: 1, signal: stop.signal },
          onProgress: (state) => state.phase === phase && stop.abort(),
        }),
      );
      dump.close();
      expect([phase, failed.code, left()]).toEqual([phase, "ABORTED", []]);
    }
  });

  describe("object stores", () => {
    let store: S3Double;
    beforeAll(async () => {
      store = await startS3Double();
    });
    afterAll(() => store.stop());

    test("dump, records and page are objects; none of them where something is found", async () => {
      const { vmcore } = await realDump("tiny-x86-6.1");
      const none = await run("handover", vmcore, "s3://dumps/out", "--secrets", "present");
      expect(none.code, none.stderr).toBe(1);
      for (const name of ["out", "out.json", "out.audit.json", "out.html"]) {
        expect(await store.get(`dumps/${name}`), name).toBe(undefined);
      }
      const sent = await run("handover", vmcore, "s3://dumps/out", "--secrets", "absent");
      expect(sent.code, sent.stderr).toBe(0);
      const checked = await run("verify", "s3://dumps/out", "--manifest", "s3://dumps/out.json");
      expect(checked.code, checked.stdout.toString()).toBe(0);
      expect(((await store.get("dumps/out.html")) as Buffer).toString()).toContain("All checks passed");
    });
  });
});
