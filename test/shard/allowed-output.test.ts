/** Where a worker writes: while another process exchanges the folders under it for links, nothing outside of its folders is made, written or removed. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DumpError } from "../../src/errors.js";
import { placeOf } from "../../src/queue/open-job.js";
import { allowedFolders } from "../../src/shard/allowed.js";
import { planFolder } from "../../src/shard/staging.js";
import { temporaryFolder } from "../support/filter.js";

let unlinkFails = false;
let readFails = false;
let beforeLink: () => void = () => undefined;
vi.mock("node:fs/promises", async (original) => {
  const plain = await original<typeof import("node:fs/promises")>();
  return {
    ...plain,
    open: (...args: Parameters<typeof plain.open>) =>
      readFails && args[1] === "r"
        ? Promise.reject(Object.assign(new Error("injected"), { code: "EIO" }))
        : plain.open(...args),
    link(from: string, to: string) {
      beforeLink();
      return plain.link(from, to);
    },
    unlink: (path: string) =>
      unlinkFails ? Promise.reject(Object.assign(new Error("injected"), { code: "EACCES" })) : plain.unlink(path),
  };
});

const ID = "a1d1d1d1d1d1d1d1";
/** Digest of a plan. */
const PLAN = "2d".repeat(32);
const root = temporaryFolder();
/** Files that a worker that was led astray would write to, or remove. */
const BAIT = ["out", "output.partial", "shard"];
let rounds = 0;
let allowed: string;
let inside: string;
let outside: string;
/** The path of a job's output leads through this link. */
let middle: string;
beforeEach(() => {
  const folder = join(root, `${rounds++}`);
  allowed = join(folder, "allowed");
  [inside, outside, middle] = [join(allowed, "real"), join(folder, "outside"), join(allowed, "folder")];
  for (const path of [folder, allowed, inside, outside]) mkdirSync(path);
  for (const name of BAIT) writeFileSync(join(outside, name), "keep");
  symlinkSync(inside, middle);
});

/**
 * Each name is by turns what it was and a link to the other place, as fast as it can; a link is made to lead elsewhere.
 * It rests in between for as long as a job may need: without, none is ever done where both have a core to themselves.
 */
const SWAPPER = `
const fs = require("node:fs");
const [links, folders, outside] = JSON.parse(process.argv[1]);
process.on("disconnect", () => process.exit());
process.send("ready");
const attempt = (call, ...args) => { try { call(...args); } catch {} };
const turn = () => {
  for (let i = 0; i < 20; i++) {
    for (const [name, a] of links)
      for (const target of [outside, a]) { fs.symlinkSync(target, name + ".new"); fs.renameSync(name + ".new", name); }
    for (const name of folders) {
      attempt(fs.renameSync, name, name + ".away");
      attempt(fs.symlinkSync, outside, name);
      attempt(fs.unlinkSync, name);
      attempt(fs.renameSync, name + ".away", name);
    }
  }
  setTimeout(turn, Math.random() * 20);
};
turn();`;

const children: ChildProcess[] = [];
async function exchange(links: readonly (readonly [string, string])[], folders: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ["-e", SWAPPER, JSON.stringify([links, folders, outside])], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  children.push(child);
  await new Promise((resolve) => child.once("message", resolve));
}
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const store = () => Promise.reject(new Error("there is no store"));
/** More than the blocks that are left to the finishing job. */
const BYTES = new Uint8Array(1 << 18).fill(0x77);

/** All that jobs do to an output's folder: its staging folder, files in it, a stretch of the output, the output; then all is removed. */
async function work(): Promise<void> {
  const place = await placeOf(ID, { output: join(middle, "out") } as never, {
    allowed: allowedFolders([allowed]),
    store,
  });
  try {
    await place.check(true);
    const own = place.of(PLAN);
    await own.create();
    await own.staging.write("shard", new Uint8Array(10));
    await own.staging.read("shard");
    const target = await own.range({} as never, 0, BYTES.length);
    await target.write(BYTES, 0);
    await target.end();
    const sink = await own.sink({} as never, true);
    await sink.write(BYTES, 0);
    await sink.finish(BYTES.length).finally(() => sink.abort());
  } finally {
    await place.remove().finally(() => place.letGo());
  }
}

function expectUntouched(): void {
  expect(readdirSync(outside).sort()).toEqual([...BAIT].sort());
  for (const name of BAIT) expect(readFileSync(join(outside, name), "utf8"), name).toBe("keep");
}

/** Until both happened often enough: it went on, and it was stopped. */
async function workUntil(least: number): Promise<void> {
  const seen = { done: 0, refused: 0 };
  for (let i = 0; i < least || seen.done < least / 10 || seen.refused < least / 10; i++) {
    if (i === 20 * least) expect.fail(`of ${i} jobs ${seen.done} were done and ${seen.refused} stopped`);
    try {
      await work();
      seen.done++;
    } catch (error) {
      if (!(error instanceof DumpError)) throw error;
      expect(error.code, error.message).toMatch(/^(NOT_WRITABLE|NOT_READABLE|OUTPUT_EXISTS)$/);
      // It is named as the job names it.
      expect(error.message).not.toContain("/proc/self");
      seen.refused++;
    }
    expectUntouched();
  }
}

test("folders above an output that are exchanged lead nowhere", async () => {
  await exchange([[middle, inside]], [inside]);
  await workUntil(300);
});

test("a staging folder that is exchanged leads nowhere, nor is what a link in its place leads to removed", async () => {
  const stage = join(inside, `out.coresieve-${ID}`);
  await exchange([], [stage, join(stage, planFolder(PLAN))]);
  await workUntil(300);
});

test("links in a staging folder, and in place of it, are not followed", async () => {
  const stage = join(inside, `out.coresieve-${ID}`);
  symlinkSync(outside, stage);
  await expect(work()).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  for (const name of ["output.partial", "shard"]) {
    const folder = join(stage, planFolder(PLAN));
    mkdirSync(folder, { recursive: true });
    symlinkSync(join(outside, name), join(folder, name));
    const ended = await work().then(
      () => "done",
      (error: unknown) => (error as DumpError).code,
    );
    // A file of the staging is replaced as a whole, and so is the link.
    expect(ended, name).toBe(name === "shard" ? "done" : "NOT_WRITABLE");
    expectUntouched();
    expect(readdirSync(inside).filter((other) => other !== "out")).toEqual([]);
  }
});

test("a folder that may be entered and written to, but not listed, is enough", async () => {
  chmodSync(inside, 0o300);
  try {
    const place = await placeOf(ID, { output: join(inside, "out2") } as never, {
      allowed: allowedFolders([allowed]),
      store,
    });
    await place.of(PLAN).create();
    await place.remove();
    place.letGo();
  } finally {
    chmodSync(inside, 0o700);
  }
  expect(readdirSync(inside)).not.toContain(basename(`out2.coresieve-${ID}`));
});

test("a folder that is moved away when a shard's file, or the output, gets its name: an error, not a success", async () => {
  for (const step of ["shard", "output"]) {
    const place = await placeOf(ID, { output: join(inside, "out") } as never, {
      allowed: allowedFolders([allowed]),
      store,
    });
    const moved = join(allowed, `moved-${step}`);
    const move = () => {
      renameSync(inside, moved);
      mkdirSync(inside);
    };
    const own = place.of(PLAN);
    await own.create();
    const says = { code: "NOT_WRITABLE", what: expect.stringContaining("its folder was moved, or another took") };
    if (step === "shard") {
      await own.staging.read("shard");
      move();
      await expect(own.staging.write("shard", BYTES)).rejects.toMatchObject(says);
    } else {
      const sink = await own.sink({} as never, false);
      await sink.write(BYTES, 0);
      beforeLink = move;
      const left = expect.stringContaining("the output is whole, in the folder that was opened");
      await expect(sink.finish(BYTES.length)).rejects.toMatchObject({ ...says, file: join(inside, "out"), left });
      expect(readFileSync(join(moved, "out")).equals(BYTES)).toBe(true);
      beforeLink = () => undefined;
    }
    expect(readdirSync(inside)).toEqual([]);
    await place.remove().finally(() => place.letGo());
  }
});

/** An output whose bytes are written, and which has no name yet. */
async function writtenOutput() {
  const place = await placeOf(ID, { output: join(inside, "out") } as never, {
    allowed: allowedFolders([allowed]),
    store,
  });
  const own = place.of(PLAN);
  await own.create();
  const sink = await own.sink({} as never, false);
  await sink.write(BYTES, 0);
  return { place, sink };
}

test("what fails behind the output's name says that the output is there: its folder cannot be flushed", async () => {
  const { place, sink } = await writtenOutput();
  readFails = true;
  const failed = sink.finish(BYTES.length).finally(() => {
    readFails = false;
  });
  await expect(failed).rejects.toMatchObject({
    code: "NOT_WRITABLE",
    left: `${join(inside, "out")} is there, and whole`,
  });
  expect(readFileSync(join(inside, "out")).equals(BYTES)).toBe(true);
  await place.remove().finally(() => place.letGo());
});

test("an unfinished name that cannot be removed is left to the removal of the staging, not called a failed write", async () => {
  const { place, sink } = await writtenOutput();
  unlinkFails = true;
  await sink.finish(BYTES.length).finally(() => {
    unlinkFails = false;
  });
  expect(readFileSync(join(inside, "out")).equals(BYTES)).toBe(true);
  await place.remove().finally(() => place.letGo());
  expect(readdirSync(inside)).toEqual(["out"]);
});
