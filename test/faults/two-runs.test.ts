/**
 * Two runs that give the same name to their outputs at the same time. The other run is started by the first one at the worst moment: right
 * before or after a call of the file system.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CliRun, expectFailure, runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const root = temporaryFolder();
const folder = join(root, "to");
const input = join(root, "elf");
const at = (name: string) => join(folder, name);
const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
writeElf(input, buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" }));
const ONE = ["--compress", "none", "-d", "1", "-q", "--num-threads", "1"];
const OTHER = ["--compress", "zlib", "-d", "1", "-q", "--num-threads", "1"];

/** Every hard link fails, as on FAT. */
const NO_LINKS = { call: "linkSync", what: "EPERM", thread: "main" };

/** Runs `args`, and at the moment `other`, to its end. Returns both. */
async function both(args: readonly string[], moment: object, other: readonly string[], links = true) {
  const faults = links ? "" : `--require ${support("inject-fault.cjs")} `;
  const start = `
    const { spawnSync } = process.getBuiltinModule("node:child_process");
    const env = { ...process.env, NODE_OPTIONS: ${JSON.stringify(faults)} };
    const { status, stderr } = spawnSync(process.execPath, [process.argv[1], ...${JSON.stringify(other)}], { env, encoding: "utf8" });
    fs.writeFileSync("../other", JSON.stringify({ code: status, stderr }));`;
  writeFileSync(
    join(root, "at"),
    JSON.stringify({ ...moment, ...("at" in moment ? { after: start } : { before: start }) }),
  );
  rmSync(join(root, "other"), { force: true });
  const set = `export CORESIEVE_TEST_FAULT='${JSON.stringify(NO_LINKS)}' CORESIEVE_TEST_AT="$(cat ../at)" NODE_OPTIONS="${faults}--require ${support("at-call.cjs")}";`;
  const run = await runCli(args, { cwd: folder, shell: `${set} exec "$@"` });
  return { run, other: JSON.parse(readFileSync(join(root, "other"), "utf8")) as CliRun };
}

const left = () => readdirSync(folder).sort();
const gets = (name: string) => `String(args[1]).endsWith("/${name}")`;

const whole = new Map<string, Buffer>();
const isWhole = (name: string, of: string) => readFileSync(at(name)).equals(whole.get(of) as Buffer);
beforeAll(async () => {
  mkdirSync(folder);
  for (const [name, options] of [
    ["one", ONE],
    ["other", OTHER],
  ] as const) {
    expect((await runCli([input, name, ...options], { cwd: folder })).code).toBe(0);
    expect((await runCli(["split", input, `${name}1`, `${name}2`, ...options], { cwd: folder })).code).toBe(0);
  }
  for (const name of left()) whole.set(name, readFileSync(at(name)));
  clear();
});
afterEach(clear);
function clear() {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
}

describe("two runs to one name: one output, and the other run fails", () => {
  const exists = /^coresieve: out: (was created by somebody else|is being created by another run)/;

  test("where there are links", async () => {
    const runs = await both([input, "out", ...ONE], { call: "linkSync", if: gets("out") }, [input, "out", ...OTHER]);
    expectFailure(runs.run, 1, exists);
    expect(runs.other).toEqual({ code: 0, stderr: "" });
    expect(left()).toEqual(["out"]);
    expect(isWhole("out", "other")).toBe(true);
  });

  test("where there are none: only one at a time gives its output the name", async () => {
    const moment = { call: "renameSync", if: gets("out") };
    const runs = await both([input, "out", ...ONE], moment, [input, "out", ...OTHER], false);
    expect(runs.run).toMatchObject({ code: 0, stderr: "" });
    expect(runs.other).toMatchObject({ code: 1, stderr: expect.stringMatching(exists) });
    expect(left()).toEqual(["out"]);
    expect(isWhole("out", "one")).toBe(true);
  });

  test("a run that was killed while it gave the name: the next one says which file to remove", async () => {
    writeFileSync(at(".out.naming.partial"), "");
    const failed = await runCli([input, "out", ...ONE], { cwd: folder });
    expectFailure(failed, 1, exists, /\.out\.naming\.partial is there.* remove that file/);
    expect(left()).toEqual([".out.naming.partial"]);
    // With -f nothing is asked of others.
    expect((await runCli([input, "out", ...ONE, "-f"], { cwd: folder })).code).toBe(0);
    expect(isWhole("out", "one")).toBe(true);
  });
});

test("a file that another run put in the place of a whole output is not removed", async () => {
  const moment = { call: "renameSync", if: gets("out"), at: "after" };
  const runs = await both([input, "out", ...ONE, "-f"], moment, [input, "out", ...OTHER, "-f"]);
  expectFailure(runs.run, 1, /^coresieve: out: another file took its name/);
  expect(runs.other).toMatchObject({ code: 0, stderr: "" });
  expect(left()).toEqual(["out"]);
  expect(isWhole("out", "other")).toBe(true);

  clear();
  const linked = await both([input, "out", ...ONE], { call: "linkSync", if: gets("out"), at: "after" }, [
    input,
    "out",
    ...OTHER,
    "-f",
  ]);
  expectFailure(linked.run, 1, /^coresieve: out: another file took its name/);
  expect(linked.other).toMatchObject({ code: 0, stderr: "" });
  expect(left()).toEqual(["out"]);
  expect(isWhole("out", "other")).toBe(true);
});

describe("two runs that replace the same files (-f): never some of one and some of the other", () => {
  const replaced = /another file took its name/;

  test("a split set", async () => {
    const other = ["split", input, "a", "b", ...OTHER, "-f"];
    const runs = await both(
      ["split", input, "a", "b", ...ONE, "-f"],
      { call: "renameSync", if: gets("a"), at: "after" },
      other,
    );
    expectFailure(runs.run, 1, /^coresieve: a: /, replaced);
    expect(runs.other).toEqual({ code: 0, stderr: "" });
    expect(left()).toEqual(["a", "b"]);
    expect([isWhole("a", "other1"), isWhole("b", "other2")]).toEqual([true, true]);
  });

  test("the last file of a split set: it is removed", async () => {
    const other = ["split", input, "a", "b", ...OTHER, "-f"];
    const runs = await both(["split", input, "a", "b", ...ONE, "-f"], { call: "renameSync", if: gets("b") }, other);
    expectFailure(runs.run, 1, /^coresieve: a: /, replaced);
    expect(runs.other).toEqual({ code: 0, stderr: "" });
    expect(left()).toEqual(["a"]);
  });

  test.each(["manifest", "report"])("a dump and its %s", async (kind) => {
    const options = ["-f", `--${kind}`, "m"];
    const moment = { call: "renameSync", if: gets("out"), at: "after" };
    const runs = await both([input, "out", ...ONE, ...options], moment, [input, "out", ...OTHER, ...options]);
    expectFailure(runs.run, 1, /^coresieve: out: /, replaced);
    expect(runs.other).toEqual({ code: 0, stderr: "" });
    expect(left()).toEqual(["m", "out"]);
    expect(isWhole("out", "other")).toBe(true);
    if (kind === "report") return;
    const verified = await runCli(["verify", "out", "--manifest", "m"], { cwd: folder });
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
  });

  test("a manifest is not of another file that took the output's name while the input was digested", async () => {
    const moment = { call: "renameSync", if: gets("out"), at: "after" };
    const runs = await both([input, "out", ...ONE, "-f", "--manifest", "m"], moment, [input, "out", ...OTHER, "-f"]);
    expectFailure(runs.run, 1, /^coresieve: out: /, replaced);
    expect(left()).toEqual(["out"]);
  });
});
