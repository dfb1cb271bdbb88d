/**
 * Files that are the program's own: temporary files, partial files, what they become. Reads and writes of them are whole or an error, what
 * gets a name is what was opened, and what could not be removed is said.
 */
import {
  closeSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openFile } from "../../src/reader/source/byte-source.js";
import { fileStream } from "../../src/reader/source/byte-stream.js";
import { type CliRun, expectFailure, runCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { sampleDump } from "../support/sample.js";

const root = temporaryFolder();
const folder = join(root, "to");
const input = join(root, "elf");
const at = (name: string) => join(folder, name);
const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
writeElf(input, buildKernel({ memory: 24 * MiB, memoryModel: "sparse-extreme" }));
const options = ["--compress", "none", "-d", "1", "--num-threads", "1"];

interface Setting {
  /** See inject-fault.cjs. */
  readonly fault?: object;
  /** See at-call.cjs. */
  readonly moment?: object;
  readonly to?: string;
}

/** Runs the program in the folder, where its temporary files are too. */
function run(args: readonly string[], { fault, moment, to }: Setting = {}): Promise<CliRun> {
  const preload = fault === undefined ? "at-call.cjs" : "inject-fault.cjs";
  const set = `export CORESIEVE_TEST_FAULT='${JSON.stringify(fault)}' CORESIEVE_TEST_AT="$(cat ../at)" NODE_OPTIONS="--require ${support(preload)}";`;
  writeFileSync(join(root, "at"), JSON.stringify(moment ?? {}));
  const use = fault === undefined && moment === undefined ? "" : set;
  return runCli(args, { cwd: folder, shell: `${use} exec "$@" ${to === undefined ? "" : `> ${to}`}` });
}

const left = () => readdirSync(folder).sort();

let kdump: Buffer;
beforeAll(async () => {
  mkdirSync(folder);
  expect((await run([input, "good", ...options])).code).toBe(0);
  kdump = readFileSync(at("good"));
});
beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
});

describe("a temporary file that is read again", () => {
  const packed = [input, "out.gz", ...options, "-q"];
  const reread = (what: string, more: object = {}) => ({
    fault: { call: "readSync", what, thread: "main", output: true, ...more },
  });

  test.each([
    ["nothing", /the temporary file ends at byte 0, but byte \d+ of it was written/],
    ["EIO", /the temporary file cannot be read: input\/output error \(EIO\)/],
  ] as const)("%s: an error by name, and no output", async (what, says) => {
    for (const after of [0, 1]) {
      const one = after === 0 ? says : new RegExp(says.source.replace("byte 0", "byte \\d+"));
      expectFailure(await run(packed, reread(what, { after })), 1, /^coresieve: .*\.spool: /, one, /--spool-dir/);
      expect(left()).toEqual([]);
    }
  });

  test("nothing, of a plain dump to stdout: an error", async () => {
    const failed = await run([input, "-", ...options, "-q", "--spool-dir", "."], { ...reread("nothing"), to: "plain" });
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/the temporary file ends at byte 0/)]);
  });

  test.each(["EINTR", "EAGAIN", "short"])("%s: done again, the same output", async (what) => {
    const times = what === "short" ? {} : { times: 3 };
    expect(await run(packed, reread(what, times))).toMatchObject({ code: 0, stderr: "" });
    expect(gunzipSync(readFileSync(at("out.gz"))).equals(kdump)).toBe(true);
  });
});

test("stdout that is a file, of which writes come short: the whole dump", async () => {
  const short = { fault: { call: "writeSync", what: "short", thread: "main" }, to: "plain" };
  expect(await run([input, "-", ...options, "-q"], short)).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(at("plain")).equals(kdump)).toBe(true);
  expect((await run(["info", input, "--json"], { ...short, to: "info" })).code).toBe(0);
  expect(JSON.parse(readFileSync(at("info"), "utf8"))).toMatchObject({ format: "elf" });
});

test("a file that is read as a stream ends where it did when it was opened, or it is an error", async () => {
  const path = join(root, "cut");
  writeFileSync(path, Buffer.alloc(3 * MiB));
  const file = openFile(path);
  truncateSync(path, 2 * MiB);
  const pieces: number[] = [];
  const all = async () => {
    for await (const { length } of fileStream(file).chunks) pieces.push(length);
  };
  await expect(all()).rejects.toMatchObject({ code: "TRUNCATED", file: path });
  expect(pieces).toEqual([MiB, MiB]);
  closeSync(file.fd);
});

describe("a partial file that is exchanged", () => {
  const partial = (name: string) => `String(args[0]).includes(".${name}.") && String(args[0]).endsWith(".partial")`;
  const says = /something else took the place of its temporary file while it was written/;

  test.each([
    [
      "in mid-run",
      [],
      { call: "fsyncSync", before: 'swap(fs.readdirSync(".").find((name) => /^.out.*partial$/.test(name)))' },
    ],
    ["right before the link", [], { call: "linkSync", if: partial("out"), before: "swap(args[0])" }],
    ["right before it is renamed", ["-f"], { call: "renameSync", if: partial("out"), before: "swap(args[0])" }],
    [
      "by a link",
      ["-f"],
      { call: "renameSync", if: partial("out"), before: 'fs.unlinkSync(args[0]); fs.symlinkSync("victim", args[0])' },
    ],
  ] as const)("%s: an error, and no output", async (_, more, moment) => {
    writeFileSync(at("victim"), "precious");
    expectFailure(await run([input, "out", ...options, "--sync", ...more], { moment }), 1, /^coresieve: out: /, says);
    expect(left()).not.toContain("out");
    expect(readFileSync(at("victim"), "latin1")).toBe("precious");
    // The dump that the intruder has is empty now.
    for (const name of left().filter((one) => one.endsWith(".moved"))) expect(statSync(at(name)).size).toBe(0);
  });

  test.each([
    ["a manifest", "m.json", [input, "out", ...options, "--manifest", "m.json"]],
    ["a report", "r.html", [input, "out", ...options, "--report", "r.html"]],
    ["a report of its own", "r.html", ["report", input, "--output", "r.html"]],
    ["VMCOREINFO", "info", ["-g", "info", input]],
  ] as const)("of %s", async (_, name, args) => {
    const moment = { call: "linkSync", if: partial(name), before: "swap(args[0])" };
    const failed = await run(args, { moment });
    expectFailure(failed, 1, new RegExp(`^coresieve: ${name}: `), says);
    expect(left()).not.toContain(name);
    if (args[1] === "out") expect(failed.stderr).toContain("; the dump is there, whole: out");
  });

  test("of a split set: the parts that have their names already are taken back", async () => {
    const moment = { call: "linkSync", if: partial("b"), before: "swap(args[0])" };
    expectFailure(await run(["split", input, "a", "b", ...options], { moment }), 1, /^coresieve: b: /, says);
    expect(left().filter((name) => !name.includes(".b."))).toEqual([]);
  });
});

describe("a folder that is exchanged at the moment its file gets its name", () => {
  const exchange = 'fs.renameSync("sub", "moved"); fs.mkdirSync("sub")';
  const says = /its folder was moved, or another took its place, when it got its name/;
  const gets = (name: string) => `String(args[1]).endsWith("/${name}")`;
  beforeEach(() => mkdirSync(at("sub")));

  test.each([
    ["an output", "out", "linkSync", "before", [input, "sub/out", ...options]],
    ["an output, right behind its link", "out", "linkSync", "after", [input, "sub/out", ...options]],
    ["an output with -f", "out", "renameSync", "before", [input, "sub/out", ...options, "-f"]],
    ["an output with --sync", "out", "linkSync", "before", [input, "sub/out", ...options, "--sync"]],
    ["a packed one", "out.gz", "linkSync", "before", [input, "sub/out.gz", ...options]],
    ["the second part of a split set", "b", "linkSync", "before", ["split", input, "a", "sub/b", ...options]],
    ["a manifest", "m.json", "linkSync", "before", [input, "out", ...options, "--manifest", "sub/m.json"]],
    ["a report", "r.html", "linkSync", "before", [input, "out", ...options, "--report", "sub/r.html"]],
    ["a report of its own", "r.html", "linkSync", "before", ["report", input, "--output", "sub/r.html"]],
    ["VMCOREINFO", "info", "linkSync", "before", ["-g", "sub/info", input]],
  ] as const)("%s: an error that says where it is", async (_, name, call, moment, args) => {
    const failed = await run(args, { moment: { call, if: gets(name), [moment]: exchange } });
    const place = new RegExp(`is whole, in ${at("moved")}/${name}`);
    expectFailure(failed, 1, new RegExp(`^coresieve: sub/${name}: `), says, place);
    expect(readdirSync(at("moved"))).toEqual([name]);
    expect(readdirSync(at("sub"))).toEqual([]);
    if (name === "out") expect(readFileSync(at("moved/out")).equals(kdump)).toBe(true);
    // Parts that have their names already are taken back.
    expect(left()).not.toContain("a");
    if (args[1] === "out") expect(failed.stderr).toContain("; the dump is there, whole: out");
  });

  test("a link in the path that leads elsewhere by then", async () => {
    mkdirSync(at("real"));
    symlinkSync("real", at("link"));
    const before = 'fs.unlinkSync("link"); fs.symlinkSync("sub", "link")';
    const failed = await run([input, "link/out", ...options], {
      moment: { call: "linkSync", if: gets("out"), before },
    });
    expectFailure(failed, 1, /^coresieve: link\/out: /, says, new RegExp(`whole, in ${at("real")}/out`));
  });

  test("what cannot be taken back is said: the first part of a set, when the second fails", async () => {
    const failed = await run(["split", input, "sub/a", "b", ...options], {
      moment: { call: "linkSync", if: gets("b"), before: `${exchange}; fs.writeFileSync("b", "")` },
    });
    expectFailure(failed, 1, /^coresieve: b: was created by somebody else/, /sub\/a could not be removed .*remove it/);
  });
});

test("handed over: a file that has no name yet is named by its folder, not by a descriptor", async () => {
  writeFileSync(join(root, "sample"), sampleDump());
  const moment = {
    call: "openSync",
    if: '/out\\..*partial$/.test(String(args[0])) && (args[1] === "r" || (typeof args[1] === "number" && args[1] % 4 === 0))',
    before: 'throw Object.assign(new Error("injected"), { code: "EACCES" })',
  };
  const failed = await run(["handover", "../sample", "out", "-l", "-q"], { moment });
  expectFailure(failed, 1, /^coresieve: (\.\/)?\.out\.[0-9a-f]{8}\.partial: cannot be opened: permission denied/);
  expect(left()).toEqual([]);
});

describe("what is left is said", () => {
  const whole = /; the dump is there, whole: out\n$/;

  test("a stop while the manifest is made: the dump is there, the manifest is not", async () => {
    const moment = { call: "linkSync", if: 'args[1].endsWith("/out")', after: 'process.kill(process.pid, "SIGINT")' };
    const stopped = await run([input, "out", ...options, "--manifest", "m.json"], { moment });
    expect([stopped.code, stopped.stderr]).toEqual([130, expect.stringMatching(whole)]);
    expect(stopped.stderr).not.toContain("nothing was left behind");
    expect(left()).toEqual(["out"]);
  });

  test("a manifest that cannot be made: no partial file of it is left", async () => {
    const moment = {
      ...{ call: "openSync", if: 'args[0] === "out" && args[1] !== "r"' },
      before: 'throw Object.assign(new Error("injected"), { code: "EACCES" })',
    };
    expectFailure(await run([input, "out", ...options, "-q", "--manifest", "m.json"], { moment }), 1, whole);
    expect(left()).toEqual(["out"]);
  });

  test("a partial file that cannot be removed: its name, and it is empty", async () => {
    const fault = { call: "unlinkSync", what: "EPERM", thread: "main" };
    const failed = await run([input, "out", ...options, "-L", "100K"], { fault });
    expectFailure(failed, 1, /; \.out\.[0-9a-f]{8}\.partial could not be removed \(permission denied .*made empty\n$/);
    expect(left().map((name) => statSync(at(name)).size)).toEqual([0]);
  });

  test("a whole output whose temporary name cannot be removed", async () => {
    const fault = { call: "unlinkSync", what: "EPERM", thread: "main" };
    const failed = await run([input, "out", ...options, "-q"], { fault });
    expectFailure(failed, 1, /temporary name, \.out\..*partial, cannot be removed/, /; out is there, and whole\n$/);
    expect(readFileSync(at("out")).equals(kdump)).toBe(true);
  });

  test("a folder in which temporary files cannot be removed is refused before anything is in one", async () => {
    writeFileSync(join(root, "packed.gz"), gzipSync(readFileSync(input)));
    const fault = { call: "unlinkSync", what: "EPERM", thread: "main", times: 1 };
    const failed = await run(["../packed.gz", "out", ...options, "--spool-dir", "."], { fault });
    expectFailure(
      failed,
      1,
      /the temporary file \.coresieve-.*\.spool cannot be removed again/,
      /It is empty: remove it/,
    );
    expect(left().map((name) => statSync(at(name)).size)).toEqual([0]);
  });

  test("a second signal, which ends the program at once, leaves no partial file", async () => {
    const isWriting = 'fs.readdirSync(".").some((name) => name.endsWith(".partial"))';
    const moment = { call: "writeSync", if: isWriting, before: "process.exit(130)" };
    expect((await run([input, "out", ...options], { moment })).code).toBe(130);
    expect(left()).toEqual([]);
  });
});

describe("a server that is asked again after its answer was lost, as NFS is", () => {
  const says = (code: string) => `throw Object.assign(new Error("asked again"), { code: "${code}", syscall: "x" })`;
  const gets = 'String(args[1]).endsWith("/out")';

  test.each([
    ["link: the name exists", [], { call: "linkSync", if: gets, after: says("EEXIST") }],
    ["rename: there is no such file", ["-f"], { call: "renameSync", if: gets, after: says("ENOENT") }],
    [
      "unlink: there is no such file",
      [],
      { call: "unlinkSync", if: "/partial$/.test(args[0])", after: says("ENOENT") },
    ],
  ])("%s, but it was done: the output is there, and nothing else", async (_, more, moment) => {
    if (more.includes("-f")) writeFileSync(at("out"), "the one before");
    expect(await run([input, "out", ...options, "-q", ...more], { moment })).toMatchObject({ code: 0, stderr: "" });
    expect(left()).toEqual(["out"]);
    expect(readFileSync(at("out")).equals(kdump)).toBe(true);
  });
});

test("--sync where folders cannot be flushed: a file system without that is no error, a failing disk is one", async () => {
  const folders = "fs.fstatSync(args[0]).isDirectory()";
  const sync = (code: string) => ({
    moment: { call: "fsyncSync", if: folders, before: `throw Object.assign(new Error("x"), { code: "${code}" })` },
  });
  const args = [input, "out", ...options, "-q", "--sync"];
  expect(await run(args, sync("EINVAL"))).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(at("out")).equals(kdump)).toBe(true);
  rmSync(at("out"));
  expectFailure(await run(args, sync("EIO")), 1, /EIO/);
});
