/** `verify --manifest`: an output held against the record of its run, and each way in which it may be another. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Manifest } from "../../src/manifest/manifest.js";
import { parseManifest } from "../../src/manifest/read-manifest.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { menagerie } from "../support/kernel/menagerie.js";
import { privateKernel } from "../support/kernel/private-kernel.js";
import { writeElf } from "../support/kernel-dump.js";
import { failureOf } from "../support/open.js";

const folder = temporaryFolder();
const file = inFolder(folder);

beforeAll(async () => {
  writeElf(file("vmcore"), privateKernel({ pages: menagerie("6.1.0") }));
  await filter("out", "-c", "-d", "31");
  await filter("safe", "-c", "--privacy");
});

async function filter(name: string, ...args: string[]) {
  const run = await runHere(["vmcore", name, ...args, "-f", "-q", "--manifest", `${name}.json`], { cwd: folder });
  expect(run.code, run.stderr).toBe(0);
}

async function verified(...args: string[]) {
  const run = await runHere(["verify", "--json", ...args], { cwd: folder });
  const result = JSON.parse(run.stdout.toString());
  expect(run.code).toBe(result.whole ? 0 : 1);
  return {
    ...result,
    said: result.findings
      .filter(({ kind }: { kind: string }) => kind === "manifest")
      .map(({ message }: { message: string }) => message),
  };
}

type Changeable<T> = { -readonly [K in keyof T]: Changeable<T[K]> };

/** The manifest of `name` with a change, in a file of its own. */
function changed(name: string, change: (manifest: Changeable<Manifest>) => void): string {
  const manifest = JSON.parse(readFileSync(file(`${name}.json`), "utf8"));
  change(manifest);
  writeFileSync(file("changed.json"), JSON.stringify(manifest));
  return "changed.json";
}

describe("what the run wrote", () => {
  test("of either format, packed, flattened, with --privacy, and its original", async () => {
    await filter("elf", "-E");
    await filter("out.zst", "-c");
    await filter("level0", "-d", "0", "--dedupe");
    for (const name of ["out", "safe", "elf", "out.zst", "level0"]) {
      const result = await verified(name, "--manifest", `${name}.json`, "--against", "vmcore");
      expect(result.said).toEqual([]);
      expect(result.manifest).toEqual({ file: `${name}.json`, name, sameFile: true, sameInput: true });
    }
    const stream = await runCli(["-F", "vmcore", "-q", "-f", "--manifest", "stream.json"], { cwd: folder });
    writeFileSync(file("stream"), stream.stdout);
    const result = await verified("stream", "--manifest", "stream.json");
    expect(result).toMatchObject({ said: [], manifest: { name: "stdout", sameFile: true } });
    expect(result.manifest).not.toHaveProperty("sameInput");
  });

  test("told to people", async () => {
    const { stdout, code } = await runHere(["verify", "out", "--manifest", "out.json"], { cwd: folder });
    expect(stdout.toString()).toContain("Manifest  out.json: of out, this file\n");
    expect(code).toBe(0);
  });
});

describe("found", () => {
  test("one byte changed, even where nothing else is wrong", async () => {
    const bytes = readFileSync(file("out"));
    writeFileSync(file("touched"), bytes);
    // The year of the build, in the header's copy of the kernel's name: nothing reads it.
    const at = bytes.indexOf("#1 SMP");
    const fd = openSync(file("touched"), "r+");
    writeSync(fd, "2", at + 1);
    closeSync(fd);
    const result = await verified("touched", "--manifest", "out.json");
    expect(result.said).toEqual([expect.stringMatching(/^the file has the SHA-256 \w{64}; the manifest says \w{64}$/)]);
    expect(result.manifest.sameFile).toBe(false);
  });

  test("the manifest of another run", async () => {
    const { said, counts } = await verified("out", "--manifest", "safe.json");
    expect(said).toEqual([
      expect.stringMatching(/^the number of pages is \d+; the manifest says \d+$/),
      "its eraseinfo has no line of --privacy; the manifest says privacy",
      "its eraseinfo does not have the manifest's line \"privacy drop all but the kernel's own pages\"",
      expect.stringMatching(/^the file has \d+ bytes; the manifest says \d+$/),
    ]);
    expect(counts.manifest).toBe(4);
  });

  test("another original, and one of another size", async () => {
    const bytes = readFileSync(file("vmcore"));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file("other"), bytes);
    const { said, manifest } = await verified("out", "--manifest", "out.json", "--against", "other");
    expect(said).toEqual([expect.stringMatching(/^the original has the SHA-256/)]);
    expect(manifest).toMatchObject({ sameFile: true, sameInput: false });
    const shorter = changed("out", ({ input }) => {
      for (const one of input.files) one.bytes -= 1;
    });
    const result = await verified("out", "--manifest", shorter, "--against", "vmcore");
    expect(result.said).toEqual([expect.stringMatching(/^the original has \d+ bytes; the manifest says \d+$/)]);
  });

  test.each<[string, (manifest: Changeable<Manifest>) => void, string]>([
    ["format", ({ output }) => (output.format = "elf"), "its format is kdump; the manifest says elf"],
    ["level", ({ output }) => (output.level = 1), "its level is 31; the manifest says 1"],
    ["mark", ({ output }) => (output.incomplete = true), "the mark of an incomplete dump is false"],
    ["build", ({ kernel }) => (kernel.buildId = "00"), "the manifest says 00"],
    ["sum", ({ pages }) => pages.beyondMemMap++, "the manifest contradicts itself"],
    ["erased", ({ erased }) => erased.push("erase linux_banner"), 'line "erase linux_banner"'],
  ])("a manifest with another %s", async (_, change, message) => {
    const { said } = await verified("out", "--manifest", changed("out", change));
    expect(said).toContainEqual(expect.stringContaining(message));
  });

  test("a dump whose headers cannot be used", async () => {
    writeFileSync(file("cut"), readFileSync(file("out")).subarray(0, 5000));
    const { said, manifest } = await verified("cut", "--manifest", "out.json");
    expect(said).toContainEqual(expect.stringMatching(/^the file has 5000 bytes/));
    expect(manifest.sameFile).toBe(false);
  });
});

describe("what is no manifest is refused", () => {
  const text = () => readFileSync(file("out.json"), "utf8");
  test.each<[string, (text: string) => string, string, string]>([
    ["no JSON", (all) => all.slice(0, -20), "CORRUPT", "is not JSON"],
    ["a list", () => "[]", "CORRUPT", "no usable manifestVersion"],
    [
      "another version",
      (all) => all.replace('"manifestVersion": 1', '"manifestVersion": 2'),
      "UNSUPPORTED",
      "version 2",
    ],
    [
      "a wrong digest",
      (all) => all.replaceAll(/"sha256": "../g, '"sha256": "zz'),
      "CORRUPT",
      "no usable output.sha256",
    ],
    ["a wrong count", (all) => all.replace(/"kept": \d+/, '"kept": -1'), "CORRUPT", "no usable pages.kept"],
    ["a member missing", (all) => all.replace('"erased"', '"erase"'), "CORRUPT", "no usable erased"],
  ])("%s", (_, change, code, message) => {
    const error = failureOf(() => parseManifest(change(text()), "m.json"));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`m.json: `);
    expect(error.message).toContain(message);
  });

  test("by the program, before the dump is read", async () => {
    expectFailure(await runHere(["verify", file("none"), "--manifest", file("vmcore")]), 1, "vmcore", "manifest");
    expectFailure(await runHere(["verify", file("out"), "--manifest", file("no.json")]), 1, "no.json");
    expectFailure(
      await runHere(["verify", file("out"), file("safe"), "--manifest", file("out.json")]),
      2,
      "a manifest describes one file, not 2",
    );
  });
});
