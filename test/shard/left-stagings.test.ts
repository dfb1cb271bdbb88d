/** `jobs clean`: only what runs made, of which the queue knows nothing, and that nobody has written to for long, is removed. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CleanOptions, cleanStagings, DAY, type JudgedStaging } from "../../src/queue/clean-stagings.js";
import { folderStagings } from "../../src/shard/folder-stagings.js";
import type { StagingPlace } from "../../src/shard/left-staging.js";
import { objectPlace } from "../../src/shard/object-place.js";
import { objectStagings } from "../../src/shard/object-stagings.js";
import { isStagingFile, parseStaging } from "../../src/shard/staging-names.js";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { type RunOptions, temporaryFolder } from "../support/filter.js";
import { planInFolder } from "../support/folder-shards.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const share = join(folder, "share");
const ID = "a00000000000000d";
const OTHER = "b00000000000000d";
const PLAN = "0123456789abcdef";
const NOW = Date.now();
beforeEach(() => mkdirSync(share));
afterEach(() => rmSync(share, { recursive: true }));

async function cleaned(place: StagingPlace, options: Partial<CleanOptions> = {}): Promise<JudgedStaging[]> {
  const rows: JudgedStaging[] = [];
  const all = { remove: true, now: NOW + 31 * DAY, age: 30 * DAY, isKnown: async () => false, ...options };
  for await (const row of cleanStagings(place, all)) rows.push(row);
  return rows.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A staging with these files. */
function leave(name: string, ...files: readonly string[]): string {
  const staging = join(share, name);
  mkdirSync(staging, { recursive: true });
  for (const file of files) {
    mkdirSync(join(staging, file, ".."), { recursive: true });
    writeFileSync(join(staging, file), file);
  }
  return staging;
}

describe("names", () => {
  const threads = new WorkerThreads(1);
  const input = join(folder, "vmcore");
  afterAll(() => threads.destroy());
  beforeAll(() => writeFileSync(input, sampleDump()));

  test.each<[string, RunOptions]>([
    ["kdump", { codec: "lzo" }],
    ["ELF", { format: "elf", level: 0 }],
    ["kdump with privacy", { privacy: true }],
    ["kdump with rules", { erase: "physical 0x1000-0x3000" }],
  ])("all files that a run leaves are known: %s", async (_, by) => {
    const run = await planInFolder({ input, output: join(share, "out"), spoolDir: folder, threads, id: ID }, 2, by);
    await run.shard(0);
    await run.shard(1);
    const staging = join(share, `out.coresieve-${ID}`);
    const files = readdirSync(staging, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(staging.length + 1));
    expect(names.length).toBeGreaterThan(7);
    expect(names.filter((name) => !isStagingFile(name))).toEqual([]);
    expect(await cleaned(folderStagings(share))).toMatchObject([{ path: staging, id: ID, fate: "removed" }]);
    expect(readdirSync(share)).toEqual([]);
  });

  test.each([
    ["/d/out.coresieve-a00000000000000d", { output: "/d/out", id: ID }],
    ["/d/out.coresieve-b00000000000000d.coresieve-a00000000000000d", { output: `/d/out.coresieve-${OTHER}`, id: ID }],
    ["/d/out.coresieve-a00000000000000d.old", undefined],
    ["/d/out.coresieve-z00000000000000d", undefined],
    ["/d/.coresieve-a00000000000000d", undefined],
    [".coresieve-a00000000000000d", undefined],
    ["/d/out.coresieve-a00000000000000d/exists", undefined],
    ["/d/out", undefined],
  ])("the staging of a run has its name: %s", (name, run) => {
    expect(parseStaging(name)).toEqual(run);
  });

  test.each([
    ["plan.json", true],
    [`${PLAN}/plan.json`, true],
    [`${PLAN}/.shard-0001.done.0a1b2c3d`, true],
    [`${PLAN}/.notes.txt.0a1b2c3d`, false],
    [`${PLAN}/notes.txt`, false],
    [`${PLAN}/${PLAN}/plan.json`, false],
    ["../plan.json", false],
    [PLAN, false],
    ["", false],
  ])("a file in a staging is a run's, or it is not: %s", (name, known) => {
    expect(isStagingFile(name)).toBe(known);
  });
});

describe("in folders", () => {
  test("at any depth, of any version; nothing else is touched", async () => {
    const left = [
      leave(`out.coresieve-${ID}`, "plan.json", "shard-0000.done", "output.partial"),
      leave(`team/deep/out.coresieve-${OTHER}`, `${PLAN}/plan.json`, `${PLAN}/output.partial`, "fedcba9876543210/kept"),
      leave(`team/empty.coresieve-${OTHER}`),
    ];
    leave("team/other", "plan.json");
    writeFileSync(join(share, "out"), "a dump");
    writeFileSync(join(share, `file.coresieve-${ID}`), "no folder");
    expect((await cleaned(folderStagings(share), { remove: false })).map(({ path, fate }) => [path, fate])).toEqual(
      left.map((path) => [path, "left"]),
    );
    expect(left.map((path) => existsSync(path))).toEqual([true, true, true]);
    const rows = await cleaned(folderStagings(`${share}/`));
    expect(rows.map(({ path, fate }) => [path, fate])).toEqual(left.map((path) => [path, "removed"]));
    expect(rows[0]?.bytes).toBeGreaterThan(0);
    expect(readdirSync(share, { recursive: true }).sort()).toEqual(
      [`file.coresieve-${ID}`, "out", "team", "team/deep", "team/other", "team/other/plan.json"].sort(),
    );
    // Or it is named itself.
    const named = leave(`out.coresieve-${ID}`, "plan.json");
    expect(await cleaned(folderStagings(named))).toMatchObject([{ path: named, fate: "removed" }]);
    expect(existsSync(named)).toBe(false);
  });

  test("what the queue knows stays, however old; and what somebody has written to", async () => {
    const known = leave(`known.coresieve-${ID}`, `${PLAN}/plan.json`);
    const recent = leave(`recent.coresieve-${OTHER}`, `${PLAN}/plan.json`, `${PLAN}/shard-0000.done`);
    const old = new Date(NOW - 60 * DAY);
    for (const path of ["", PLAN, `${PLAN}/plan.json`]) utimesSync(join(recent, path), old, old);
    const options = { now: NOW, isKnown: async (id: string) => id === ID };
    expect((await cleaned(folderStagings(share), options)).map(({ fate }) => fate)).toEqual(["known", "recent"]);
    utimesSync(join(recent, PLAN, "shard-0000.done"), old, old);
    expect((await cleaned(folderStagings(share), options)).map(({ fate }) => fate)).toEqual(["known", "removed"]);
    // A clock that is behind removes nothing.
    const behind = { ...options, now: NOW - 365 * DAY, isKnown: async () => false };
    expect(await cleaned(folderStagings(share), behind)).toMatchObject([{ path: known, fate: "recent" }]);
  });

  test.each([
    ["a file", (staging: string) => writeFileSync(join(staging, "notes.txt"), "mine"), "notes.txt"],
    ["a file among a plan's", (staging: string) => writeFileSync(join(staging, PLAN, "a"), "mine"), `${PLAN}/a`],
    ["a folder", (staging: string) => mkdirSync(join(staging, "mine")), "mine"],
    ["a folder by a file's name", (staging: string) => mkdirSync(join(staging, "plan.json")), "plan.json"],
    ["a link by a file's name", (staging: string) => symlinkSync(folder, join(staging, "kept")), "kept"],
    [
      "a link by a plan's name",
      (staging: string) => symlinkSync(folder, join(staging, "0".repeat(16))),
      "0".repeat(16),
    ],
  ])("%s that no run makes: all of it stays, and is named", async (_, add, reason) => {
    const staging = leave(`out.coresieve-${ID}`, `${PLAN}/exists`);
    add(staging);
    expect(await cleaned(folderStagings(share))).toMatchObject([{ path: staging, fate: "foreign", reason }]);
    expect(existsSync(join(staging, PLAN, "exists"))).toBe(true);
  });

  test("links are not followed, not to folders and not to stagings", async () => {
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(join(elsewhere, `x.coresieve-${ID}`), { recursive: true });
    symlinkSync(elsewhere, join(share, "link"));
    symlinkSync(join(elsewhere, `x.coresieve-${ID}`), join(share, `y.coresieve-${ID}`));
    expect(await cleaned(folderStagings(share))).toEqual([]);
    expect(existsSync(join(elsewhere, `x.coresieve-${ID}`))).toBe(true);
  });

  test("a place that is not there is an error", async () => {
    await expect(cleaned(folderStagings(join(share, "none")))).rejects.toMatchObject({ code: "NOT_READABLE" });
  });
});

describe("in a store", () => {
  let double: S3Double;
  let store: StoreThread;
  beforeAll(async () => {
    double = await startS3Double();
    store = openStore();
  });
  beforeEach(() => double.reset());
  afterAll(async () => {
    await store?.close();
    await double?.stop();
  });

  /** Two plans of a run, with an upload each. */
  async function leaveObjects(output: string, id: string) {
    const place = objectPlace(output, id, store);
    for (const digest of ["0", "1"]) {
      const plan = place.of(digest.repeat(64));
      await plan.create();
      await plan.staging.write("plan.json", Buffer.from("{}"));
    }
    return `${output}.coresieve-${id}/`;
  }

  test("objects and unfinished uploads; nothing else is touched", async () => {
    const left = await leaveObjects("s3://dumps/some/out", ID);
    const known = await leaveObjects("s3://dumps/some/known", OTHER);
    await double.put("dumps/some/out", Buffer.from("a dump"));
    await double.put(`dumps/else/out.coresieve-${ID}/plan.json`, Buffer.from("{}"));
    const options = { isKnown: async (id: string) => id === OTHER };
    const fates = async (place: string, more: Partial<CleanOptions> = {}) =>
      (await cleaned(objectStagings(place, store), { ...options, ...more })).map(({ path, fate }) => [path, fate]);
    const listed = [
      [known, "known"],
      [left, "left"],
    ];
    expect(await fates("s3://dumps/some/", { remove: false })).toEqual(listed);
    // A prefix that ends within a staging's name, or in it.
    expect(await fates("s3://dumps/some/out.coresieve-a0", { remove: false })).toEqual([listed[1]]);
    expect(await fates(`${left}0000`, { remove: false })).toEqual([listed[1]]);
    expect(await double.uploads()).toHaveLength(4);
    expect(await fates("s3://dumps/some/", { now: NOW })).toEqual([
      [known, "known"],
      [left, "recent"],
    ]);
    expect(await fates("s3://dumps/some/")).toEqual([
      [known, "known"],
      [left, "removed"],
    ]);
    expect((await double.uploads()).map(({ name }) => name)).toEqual(["dumps/some/known", "dumps/some/known"]);
    const names = await double.names();
    expect(names.filter((name) => !name.startsWith("dumps/some/known.coresieve-")).sort()).toEqual([
      `dumps/else/out.coresieve-${ID}/plan.json`,
      "dumps/some/out",
    ]);
  });

  test("an object that no run makes: all of it stays, and is named", async () => {
    const staging = await leaveObjects("s3://dumps/some/out", ID);
    await double.put(`dumps/some/out.coresieve-${ID}/deep/er/plan.json`, Buffer.from("mine"));
    const before = await double.names();
    expect(await cleaned(objectStagings("s3://dumps", store))).toMatchObject([
      { path: staging, fate: "foreign", reason: "deep/er/plan.json" },
    ]);
    expect(await double.names()).toEqual(before);
    expect(await double.uploads()).toHaveLength(2);
  });

  test("what cannot be removed is said, and the others are", async () => {
    const first = await leaveObjects("s3://dumps/a", ID);
    const second = await leaveObjects("s3://dumps/b", OTHER);
    await double.fault({ method: "DELETE", match: "/a\\?", kind: "status", status: 403, code: "AccessDenied" });
    expect(await cleaned(objectStagings("s3://dumps", store))).toMatchObject([
      { path: first, fate: "failed", reason: expect.stringContaining("s3://dumps/a") },
      { path: second, fate: "removed" },
    ]);
  });
});
