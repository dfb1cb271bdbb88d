/** A run by the commands plan, shard and finish: the bytes of a single run, whoever makes which shard, and when. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { seal } from "../../src/shard/sealed.js";
import { indexList } from "../../src/steps/index-list.js";
import { openStore, type StoreThread } from "../../src/store/open-store.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";
import { type S3Double, startS3Double } from "../support/s3-double.js";
import { sampleDump } from "../support/sample.js";
import { requestOf, stepsIn } from "../support/steps.js";

let rmdirFails = false;
vi.mock("node:fs/promises", async (original) => {
  const plain = await original<typeof import("node:fs/promises")>();
  const failed = () => Promise.reject(Object.assign(new Error("injected"), { code: "EACCES" }));
  return { ...plain, rmdir: (path: string) => (rmdirFails ? failed() : plain.rmdir(path)) };
});

const folder = temporaryFolder();
const file = join(folder, "vmcore");
const share = join(folder, "share");
const output = join(share, "small");
const place = join(share, "run");
const threads = new WorkerThreads(2);
afterAll(() => threads.destroy());
beforeAll(() => writeFileSync(file, sampleDump()));
beforeEach(() => {
  rmSync(share, { recursive: true, force: true });
  mkdirSync(share);
});

const RUNS: readonly RunOptions[] = [
  { codec: "none" },
  { codec: "zlib" },
  { codec: "lzo" },
  { codec: "snappy" },
  { codec: "zstd" },
  { format: "elf" },
  { codec: "lzo", level: 0 },
  { codec: "lzo", privacy: true, privacyExtra: ["registers", "tty"] },
  { codec: "lzo", privacy: "strict", privacyExtra: ["log"] },
  { format: "elf", privacy: "strict" },
  { codec: "zlib", level: 1, erase: "physical 0x1000-0x40000" },
  { format: "elf", erase: "physical 0x1000-0x40000" },
  { codec: "zlib", excludeUnusedVmemmap: true },
];
/** From the last to the first, from the first on, and from the middle. */
const ORDERS = [
  (n: number) => [...Array(n).keys()].reverse(),
  (n: number) => [...Array(n).keys()],
  (n: number) => [...Array(n).keys()].map((i) => (i + (n >> 1)) % n),
];

const wholes = new Map<string, Promise<Buffer>>();
/** What a single run writes. */
function wholeOf(run: RunOptions): Promise<Buffer> {
  const key = JSON.stringify(run);
  const known = wholes.get(key);
  if (known !== undefined) return known;
  const path = join(folder, "whole");
  const made = filterFile(file, path, { ...run, workers: threads }).then(() => readFileSync(path));
  wholes.set(key, made);
  return made;
}

/** Those that have layouts or sizes of their own: all numbers of shards. What others have of their own does not hang on the number. */
const MAIN: readonly RunOptions[] = [
  { codec: "none" },
  { codec: "lzo" },
  { format: "elf" },
  { codec: "lzo", level: 0 },
  { format: "elf", erase: "physical 0x1000-0x40000" },
];
/** Runs are the same by what they say. */
const isSame = (a: RunOptions, b: RunOptions) => JSON.stringify(a) === JSON.stringify(b);
const countsOf = (run: RunOptions) => (MAIN.some((one) => isSame(one, run)) ? [1, 2, 3, 5, 8] : [3, 8]);

test("those with all numbers of shards are among the runs", () => {
  for (const main of MAIN) expect(RUNS.filter((run) => isSame(run, main))).toHaveLength(1);
});

test.each(RUNS)("in a folder, %j: 1, 2, 3, 5 and 8 shards, or 3 and 8, one by one in any order", async (run) => {
  const whole = await wholeOf(run);
  for (const [i, shards] of countsOf(run).entries()) {
    const steps = stepsIn(place, folder, threads);
    const planned = await steps.plan(await requestOf(file, output, run), shards);
    const order = (ORDERS[i % ORDERS.length] as (typeof ORDERS)[0])(planned.run.shards);
    for (const index of order) await steps.shard(index);
    const { result } = await steps.finish();
    expect(result.outputBytes).toBe(whole.length);
    expect(readFileSync(output).equals(whole)).toBe(true);
    expect(readdirSync(share).sort()).toEqual(["run", "small"]);
    await steps.clean();
    expect(readdirSync(share)).toEqual(["small"]);
    rmSync(output);
  }
});

test("a staging that cannot be removed: an error that says that the output is there, and whole", async () => {
  const whole = await wholeOf({ codec: "lzo" });
  const steps = stepsIn(place, folder, threads);
  await steps.plan(await requestOf(file, output, { codec: "lzo" }), 2);
  for (const index of [0, 1]) await steps.shard(index);
  rmdirFails = true;
  const failed = steps.finish().finally(() => {
    rmdirFails = false;
  });
  await expect(failed).rejects.toMatchObject({ code: "NOT_WRITABLE", left: `${output} is there, and whole` });
  expect(readFileSync(output).equals(whole)).toBe(true);
  // Again: it is done.
  expect((await steps.finish()).result.outputBytes).toBe(whole.length);
});

describe("in a store", () => {
  const IN = "s3://dumps/in/vmcore";
  const OUT = "s3://dumps/out/small";
  let store: S3Double;
  let opened: StoreThread;
  beforeAll(async () => {
    store = await startS3Double();
    await store.stock("dumps/in/vmcore", sampleDump());
    // Each step opens the store; the thread behind it starts once.
    opened = openStore();
  });
  afterAll(async () => {
    await opened.close();
    await store.stop();
  });
  beforeEach(() => store.reset());

  // A store takes its time: in a folder all of them are tried with all numbers.
  test.each(RUNS)("%j: some shards, one by one in any order", async (run) => {
    const whole = await wholeOf(run);
    const isMain = run.level === 0 || (run.format === "elf" && run.erase === undefined);
    for (const [i, shards] of (isMain ? countsOf(run) : [3]).entries()) {
      const steps = stepsIn("s3://dumps/runs/one", folder, threads);
      const planned = await steps.plan(await requestOf(IN, OUT, run, true), shards);
      const order = (ORDERS[i % ORDERS.length] as (typeof ORDERS)[0])(planned.run.shards);
      for (const index of order) await steps.shard(index);
      await steps.finish();
      expect(((await store.get("dumps/out/small")) as Buffer).equals(whole)).toBe(true);
      await steps.clean();
      expect(await store.names()).toEqual(["dumps/in/vmcore", "dumps/out/small"]);
      expect(await store.uploads()).toEqual([]);
    }
  });

  test.each(["run\\.json", "small.*/upload\\.json"])(
    "a planner that does not come to its end (%s): what it left goes by clean, or with the next plan",
    async (match) => {
      const steps = stepsIn("s3://dumps/runs/one", folder, threads);
      const request = await requestOf(IN, OUT, { level: 0 }, true);
      for (const next of ["clean", "plan"]) {
        await store.fault({ method: "PUT", match, kind: "status", status: 403, code: "AccessDenied" });
        await expect(steps.plan(request, 2)).rejects.toMatchObject({ code: "NOT_WRITABLE" });
        if (next === "plan") await steps.plan(await requestOf(IN, "s3://dumps/out/other", { level: 0 }, true), 2);
        await steps.clean();
        expect(await store.names()).toEqual(["dumps/in/vmcore"]);
        expect(await store.uploads()).toEqual([]);
      }
    },
  );

  describe("a planner that could write nothing next to its output", () => {
    const steps = stepsIn("s3://dumps/runs/one", folder, threads);
    const names = ["dumps/in/vmcore"];
    const planTypo = async (status: number, code: string) => {
      for (const method of ["GET", "PUT", "POST", "DELETE"]) {
        await store.fault({ method, match: "^typo/", kind: "status", status, code, times: 99 });
      }
      const request = await requestOf(IN, "s3://typo/out", { level: 0 }, true);
      await expect(steps.plan(request, 2)).rejects.toMatchObject({ file: expect.stringMatching(/^s3:..typo/) });
      expect(await store.names()).toContain("dumps/runs/one/planning.json");
    };

    test.each([
      [404, "NoSuchBucket", []],
      [403, "AccessDenied", [expect.stringMatching(/may be left next to s3:\/\/typo\/out.*access denied/)]],
    ] as const)("%i %s: clean and the next plan succeed", async (status, code, left) => {
      await planTypo(status, code);
      expect(await steps.clean()).toEqual(left);
      expect(await store.names()).toEqual(names);
      expect(await steps.clean()).toEqual([]);

      await planTypo(status, code);
      const request = await requestOf(IN, OUT, { level: 0 }, true);
      expect(await steps.plan(request, 2)).toMatchObject({ what: "new", left });
      expect(await steps.plan(request, 2)).toMatchObject({ what: "known", left: [] });
      expect(await steps.clean()).toEqual([]);
      expect(await store.names()).toEqual(names);
    });

    test("an output's folder that is gone", async () => {
      const gone = join(share, "gone");
      mkdirSync(gone);
      const wrong = join(gone, "small");
      await store.fault({ method: "PUT", match: "run\\.json", kind: "status", status: 403, code: "AccessDenied" });
      await expect(steps.plan(await requestOf(IN, wrong, { level: 0 }, true), 2)).rejects.toMatchObject({
        code: "NOT_WRITABLE",
      });
      rmSync(gone, { recursive: true });
      expect(await steps.clean()).toEqual([expect.stringContaining(wrong)]);
      expect(await store.names()).toEqual(names);
    });

    test("one of another version: clean removes its file", async () => {
      const bytes = seal("run", "planning.json", { version: 1, program: "0.0.1" });
      await store.put("dumps/runs/one/planning.json", bytes);
      await steps.clean();
      expect(await store.names()).toEqual(names);
    });
  });

  test("a file of the staging that is replaced while it is read is read again, and no input has changed", async () => {
    const steps = stepsIn("s3://dumps/runs/one", folder, threads);
    await steps.plan(await requestOf(IN, OUT, { level: 0 }, true), 1);
    await steps.shard(0);
    const replaced = { status: 412, code: "PreconditionFailed" };
    await store.fault({ method: "GET", match: "edges", kind: "status", ...replaced, skip: 1 });
    await steps.finish();
    expect(((await store.get("dumps/out/small")) as Buffer).equals(await wholeOf({ level: 0 }))).toBe(true);
    await steps.clean();
  });

  test("place in a store, output in a folder; and the other way round", async () => {
    const whole = await wholeOf({ codec: "lzo" });
    for (const [at, out] of [
      ["s3://dumps/runs/two/", output],
      [place, OUT],
    ] as const) {
      const steps = stepsIn(at, folder, threads);
      await steps.plan(await requestOf(file, out, { codec: "lzo" }), 3);
      for (const index of [2, 0, 1]) await steps.shard(index);
      await steps.finish();
      const bytes = out === OUT ? ((await store.get("dumps/out/small")) as Buffer) : readFileSync(out);
      expect(bytes.equals(whole)).toBe(true);
      await steps.clean();
    }
    expect(await store.names()).toEqual(["dumps/in/vmcore", "dumps/out/small"]);
  });
});

describe("each step again", () => {
  const run: RunOptions = { codec: "lzo" };
  const steps = stepsIn(place, folder, threads);

  test("nothing is planned: what may come yet is waited for by others", async () => {
    for (const step of [steps.shard(0), steps.finish(), steps.state()]) {
      await expect(step).rejects.toMatchObject({ code: "NOT_READY" });
    }
    await steps.clean();
  });

  test("all of them twice, and the plan when all is done", async () => {
    const request = await requestOf(file, output, run);
    expect((await steps.plan(request, 3)).what).toBe("new");
    expect((await steps.plan(request, 3)).what).toBe("known");
    await steps.shard(0);
    expect(await steps.shard(0)).toMatchObject({ what: "placed" });
    expect(await steps.shard(2)).toMatchObject({ what: "waits" });
    expect((await steps.plan(request, 3)).what).toBe("known");
    expect(await steps.state()).toMatchObject({ finished: false, missing: [1], waiting: [2], shards: 3 });
    await expect(steps.finish()).rejects.toMatchObject({
      code: "NOT_READY",
      message: expect.stringContaining("1 of 3"),
    });
    await steps.shard(1);
    await Promise.all([steps.finish(), steps.finish()]);
    await steps.finish();
    expect(await steps.shard(1)).toMatchObject({ what: "finished" });
    expect((await steps.plan(request, 3)).what).toBe("done");
    expect(await steps.state()).toMatchObject({ finished: true, missing: [] });
    expect(readFileSync(output).equals(await wholeOf(run))).toBe(true);
  });

  test("more shards than there is work for: those that the plan has not are nothing to do", async () => {
    const { run: planned } = await steps.plan(await requestOf(file, output, run), 4096);
    expect(planned.shards).toBeLessThan(4096);
    expect(await steps.shard(4095)).toMatchObject({ what: "none" });
    await expect(steps.shard(4096)).rejects.toMatchObject({ code: "BAD_OPTION" });
    await steps.clean();
    expect(readdirSync(share)).toEqual([]);
  });

  test("planned with other options, shards, output or input: what there was of it goes", async () => {
    await steps.plan(await requestOf(file, output, run), 3);
    await steps.shard(0);
    expect((await steps.plan(await requestOf(file, output, run), 2)).what).toBe("new");
    expect(await steps.state()).toMatchObject({ shards: 2, missing: [0, 1] });
    await steps.plan(await requestOf(file, join(share, "other"), { codec: "zlib" }), 2);
    expect(readdirSync(share).filter((name) => name.startsWith("small"))).toEqual([]);
    const before = await steps.state();
    const other = join(share, "vmcore");
    writeFileSync(other, sampleDump());
    await steps.plan(await requestOf(other, join(share, "other"), { codec: "zlib" }), 2);
    expect((await steps.state()).id).not.toBe(before.id);
    writeFileSync(other, sampleDump());
    await expect(steps.shard(0)).rejects.toMatchObject({ code: "INPUT_CHANGED" });
    await steps.clean();
  });

  test("the output is there, and is not the run's", async () => {
    writeFileSync(output, "something");
    await expect(steps.plan(await requestOf(file, output, run), 3)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(readFileSync(output, "utf8")).toBe("something");
    expect(readdirSync(share)).toEqual(["small"]);
  });

  test("who finishes dies when the output has its name and nobody has said so", async () => {
    const request = await requestOf(file, output, run);
    const { run: planned } = await steps.plan(request, 2);
    await steps.shard(0);
    await steps.shard(1);
    // As if the staging and the account were of the moment before.
    const staging = `${output}.coresieve-${planned.id}`;
    const copy = join(share, "copy");
    const files = readdirSync(join(staging, planned.digest.slice(0, 16)));
    cpSync(staging, copy, { recursive: true, filter: (name) => !name.endsWith("output.partial") });
    expect(files).toContain("output.partial");
    await noteAndFinish();
    rmSync(join(place, "done.json"));
    renameSync(copy, staging);
    writeFileSync(join(staging, planned.digest.slice(0, 16), "finishing.json"), finishing as Buffer);
    expect((await steps.plan(request, 2)).what).toBe("known");
    expect(existsSync(join(staging, planned.digest.slice(0, 16), "output.partial"))).toBe(false);
    expect(await steps.state()).toMatchObject({ missing: [] });
    const { result } = await steps.finish();
    expect(result.outputBytes).toBe(readFileSync(output).length);
    expect(readdirSync(share).sort()).toEqual(["run", "small"]);
  });

  /** What the finishing step noted before it gave the output its name. */
  let finishing: Buffer | undefined;
  async function noteAndFinish(): Promise<void> {
    const [staging] = readdirSync(share).filter((name) => name.startsWith("small.coresieve-"));
    const [plan] = readdirSync(join(share, staging as string));
    const at = join(share, staging as string, plan as string);
    const watcher = watch(at, (_, name) => {
      if (name !== "finishing.json") return;
      try {
        finishing ??= readFileSync(join(at, name));
      } catch {
        // It has its whole content a moment later.
      }
    });
    await steps.finish();
    watcher.close();
  }
});

describe("nothing in a place or a staging is trusted", () => {
  const steps = stepsIn(place, folder, threads);
  const stagingOf = async () => {
    const [name] = readdirSync(share).filter((one) => one.startsWith("small.coresieve-"));
    const run = join(share, name as string);
    return join(run, readdirSync(run)[0] as string);
  };

  test.each([
    "run.json",
    "plan.json",
    "kept",
    "shard-0002.held",
    "shard-0002.data-0000",
    "shard-0000.done",
    "shard-0000.records",
  ])("%s is damaged: what it was for is made again", async (name) => {
    const request = await requestOf(file, output, { codec: "lzo" });
    await steps.plan(request, 3);
    await steps.shard(0);
    await steps.shard(2);
    const path = join(name === "run.json" ? place : await stagingOf(), name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0x10;
    writeFileSync(path, bytes);
    await steps.plan(request, 3);
    for (let tries = 0; ; tries++) {
      for (const index of [0, 1, 2]) await steps.shard(index);
      try {
        await steps.finish();
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/NOT_READY|CORRUPT/) });
        expect(tries).toBe(0);
      }
    }
    expect(readFileSync(output).equals(await wholeOf({ codec: "lzo" }))).toBe(true);
  });

  test("a link in the place of a file is not followed", async () => {
    await steps.plan(await requestOf(file, output, { codec: "lzo" }), 1);
    const real = join(folder, "elsewhere.json");
    renameSync(join(place, "run.json"), real);
    symlinkSync(real, join(place, "run.json"));
    await expect(steps.shard(0)).rejects.toMatchObject({ code: "NOT_READABLE" });
  });
});

test("numbers as sbatch --array takes them", () => {
  expect(indexList([])).toBe("");
  expect(indexList([0])).toBe("0");
  expect(indexList([0, 1, 2, 5, 7, 8])).toBe("0-2,5,7-8");
});
