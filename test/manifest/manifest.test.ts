/** Manifests of runs of the program: what the schema asks for, and true. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, expect, test } from "vitest";
import type { Manifest } from "../../src/manifest/manifest.js";
import { expectFailure, inFolder, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { menagerie } from "../support/kernel/menagerie.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const schema = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../docs/manifest.schema.json", import.meta.url)), "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

beforeAll(() => {
  const kernel = buildKernel({ pages: menagerie("6.1.0"), crashTime: 1_700_000_000 });
  writeElf(file("vmcore"), kernel);
});

/** Runs the program with a manifest and returns that, checked against the schema. */
async function manifestOfRun(...args: string[]): Promise<{ manifest: Manifest; stdout: Buffer }> {
  // Only a process of its own has a stdout that takes a dump.
  const as = args.includes("-F") ? runCli : runHere;
  const run = await as([...args, "-f", "--manifest", file("manifest.json")], { cwd: folder });
  expect(run.code, run.stderr).toBe(0);
  expect(statSync(file("manifest.json")).mode & 0o777).toBe(0o600);
  const manifest = JSON.parse(readFileSync(file("manifest.json"), "utf8")) as Manifest;
  expect(validate(manifest), JSON.stringify(validate.errors)).toBe(true);
  return { manifest, stdout: run.stdout };
}

test("tells digests, options, kernel and counts of a run", async () => {
  const { manifest } = await manifestOfRun("vmcore", "out", "-c", "-d", "31");
  const out = readFileSync(file("out"));
  expect(manifest.input.files).toEqual([
    {
      name: "vmcore",
      bytes: statSync(file("vmcore")).size,
      covers: "file",
      withoutDigest: null,
      sha256: sha256(readFileSync(file("vmcore"))),
    },
  ]);
  expect(manifest.output).toEqual({
    ...{ name: "out", bytes: out.length, sha256: sha256(out) },
    ...{ format: "kdump", level: 31, flattened: false, packing: null, incomplete: false, sealed: null },
  });
  expect(manifest.options).toMatchObject({ level: 31, codec: "zlib", compressionLevel: 1, privacy: false });
  expect(manifest.kernel).toMatchObject({ release: "6.1.0", arch: "x86_64", crashTime: "2023-11-14T22:13:20.000Z" });
  const { input, kept, dropped, beyondMemMap } = manifest.pages;
  expect(kept + Object.values(dropped).reduce((sum, pages) => sum + pages, 0) + beyondMemMap).toBe(input);
  const { zero = 0 } = dropped;
  // Zero pages have descriptors in a kdump file.
  expect([...bitmapPfns(readKdumpBitmap2(file("out")))]).toHaveLength(kept + zero);
  // The menagerie has a free block of an impossible order.
  expect(manifest.doubts.warnings.map(({ code }) => code)).toEqual(["FREE_ORDER"]);
  expect(Date.parse(manifest.started)).toBeLessThanOrEqual(Date.parse(manifest.ended));
});

test("of ELF, and of a stream: the digest is of what went through it", async () => {
  const elf = await manifestOfRun("vmcore", "out", "-E");
  expect(elf.manifest.output).toMatchObject({ format: "elf", sha256: sha256(readFileSync(file("out"))) });
  const { manifest, stdout } = await manifestOfRun("-F", "vmcore", "-q", "--manifest-digests", "output");
  expect(manifest.output).toMatchObject({
    ...{ name: "stdout", flattened: true },
    ...{ bytes: stdout.length, sha256: sha256(stdout) },
  });
  expect(manifest.input.files[0]).toMatchObject({ sha256: null, withoutDigest: "unwanted" });
  expect(elf.manifest.input.files[0]).toMatchObject({ withoutDigest: null });
});

test("how the input was opened is an option too", async () => {
  const memory = readFileSync(file("vmcore"));
  const plain = await manifestOfRun("vmcore", "out");
  expect(plain.manifest.options).toMatchObject({ salvage: false, raw: null, arch: null, snapshot: null });
  writeFileSync(file("cut"), memory.subarray(0, memory.length - 4096));
  const salvaged = await manifestOfRun("cut", "out", "-d", "0", "--salvage");
  expect(salvaged.manifest.options).toMatchObject({ salvage: true, arch: null });
  // An empty machine of 1 MiB in two pieces.
  writeFileSync(file("memory"), Buffer.alloc(1 << 20));
  const raw = await manifestOfRun("memory", "out", "-d", "0", "-E", "--raw", "0-0x80000,0x100000", "--arch", "x86_64");
  expect(raw.manifest.options).toMatchObject({ salvage: false, raw: "0x0-0x80000,0x100000", arch: "x86_64" });
});

test("the schema refuses what is no manifest", async () => {
  const { manifest } = await manifestOfRun("vmcore", "out");
  expect(validate({ ...manifest, manifestVersion: 2 })).toBe(false);
  expect(validate({ ...manifest, output: { ...manifest.output, sha256: "abc" } })).toBe(false);
  expect(validate({ ...manifest, more: 1 })).toBe(false);
});

test("a run that fails leaves none, and one that is there is not overwritten", async () => {
  writeFileSync(file("none"), "no dump");
  expectFailure(await runHere([file("none"), file("a"), "--manifest", file("b")]), 1, "is not a kernel dump");
  expectFailure(
    await runHere([file("vmcore"), file("vmcore"), "-f", "--manifest", file("b")]),
    1,
    "is the input itself",
  );
  expect(existsSync(file("b"))).toBe(false);
  writeFileSync(file("there"), "mine");
  expectFailure(await runHere([file("vmcore"), file("a"), "--manifest", file("there")]), 1, "exists already");
  expect({ there: readFileSync(file("there"), "utf8"), a: existsSync(file("a")) }).toEqual({ there: "mine", a: false });
  expectFailure(await runHere([file("vmcore"), file("a"), "--manifest", file("a")]), 2, "the same name");
  expectFailure(await runHere([file("vmcore"), file("a"), "--manifest-digests", "all"]), 2, "without --manifest");
  expectFailure(
    await runHere([file("vmcore"), file("vmcore"), "-f", "--manifest", join(folder, "no", "b")]),
    1,
    "cannot be",
  );
});

test("a clock that is set back during a run makes no end before its beginning", async () => {
  const back = `const D = Date; let asked = 0;
    globalThis.Date = class extends D { constructor(...a) { super(...(a.length ? a : [D.now() - 3_600_000 * asked++])); } };`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(back)}` };
  for (const [args, record] of [
    [["vmcore", "out", "-f", "--manifest", "clock.json"], "clock.json"],
    [["audit", "out", "--result", "clock.json", "-f"], "clock.json"],
  ] as const) {
    const run = await runCli(args, { cwd: folder, env });
    expect([0, 1], run.stderr).toContain(run.code);
    const { started, ended } = JSON.parse(readFileSync(file(record), "utf8"));
    expect(Date.parse(ended), args.join(" ")).toBeGreaterThanOrEqual(Date.parse(started));
  }
});
