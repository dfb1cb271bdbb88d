/** The pool, with threads that answer when the test says so: order, stops, failures, and that nothing waits for ever. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { DumpError, plainDumpError } from "../../src/errors.js";
import { initialPlan, type PagePlan } from "../../src/filter/plan.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import * as answers from "../../src/worker/answers.js";
import { encodeDump } from "../../src/worker/encode-dump.js";
import { inOrder, type PoolThreads, WorkerPool } from "../../src/worker/pool.js";
import type { Answer, EncodeResult, EncodeTask, Request } from "../../src/worker/tasks.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";

const MiB = 2 ** 20;
const TASKS = 24;
const TASK_PAGES = 512;
const folder = temporaryFolder();
let dump: Dump;
let plan: PagePlan;

beforeAll(() => {
  // 48 MiB of zeros, but for the number of each task in its first page.
  const path = join(folder, "dump");
  const fd = openSync(path, "w");
  writeSync(fd, buildElf({ notes: [], loads: [{ paddr: 0, offset: 4096, filesz: 2 * TASKS * MiB }] }));
  ftruncateSync(fd, 4096 + 2 * TASKS * MiB);
  for (let i = 0; i < TASKS; i++) writeSync(fd, Uint8Array.of(i + 1), 0, 1, 4096 + 2 * i * MiB);
  closeSync(fd);
  dump = openDump(path);
  plan = initialPlan(dump, undefined);
});
afterAll(() => dump.close());

/** Lets everything happen that needs nothing from outside. */
async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Work that begins when the test says so. */
class Held {
  readonly waiting: (() => void)[] = [];

  hold<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(() => {
        Promise.resolve().then(work).then(resolve, reject);
      });
    });
  }

  /** Lets one of them go on: the one at that place, which may be larger than their number. */
  release(place = 0): void {
    this.waiting.splice(place % this.waiting.length, 1)[0]?.();
  }
}

type Encode = (request: Request<EncodeTask>) => Promise<Answer<EncodeResult>>;

/** Threads that work when the test says so; `ready` as if they had all started, or none. */
function heldThreads(held: Held, count: number, ready: number, encode: Encode = answers.encode) {
  const requests: Request<EncodeTask>[] = [];
  const threads: PoolThreads = {
    ...{ count, early: 1, ready },
    run<T, R>(_: string, request: Request<T>) {
      const asked = request as unknown as Request<EncodeTask>;
      requests.push(asked);
      return held.hold(() => encode(asked)) as Promise<unknown> as Promise<Answer<R>>;
    },
  };
  return { threads, requests };
}

function poolOf(threads: PoolThreads, signal?: AbortSignal): WorkerPool {
  const { image, pageSize } = dump;
  const codec = codecOf("none", undefined);
  return new WorkerPool(threads, { image, pageSize, kept: plan.kept, kernel: undefined, codec, dedupe: false }, signal);
}

/** Pools with all memories that are kept for the next runs, and one more. Other tests of this process left some, too. */
const nextPools = (held: Held) => Array.from({ length: 9 }, () => poolOf(heldThreads(held, 1, 1).threads));

/** Follows a promise. */
function followed<T>(promise: Promise<T>): { ended: boolean; error?: unknown } {
  const state: { ended: boolean; error?: unknown } = { ended: false };
  promise.then(
    () => {
      state.ended = true;
    },
    (error: unknown) => {
      Object.assign(state, { ended: true, error });
    },
  );
  return state;
}

describe("pass 2 ends, whoever is slow", () => {
  test.each([
    ["one thread that is ready", 1, 1],
    ["one thread that starts: the main thread works too", 1, 0],
    ["three threads", 3, 3],
  ])("%s: the writer gets all pages in order, each from its own slot", async (_, count, ready) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }), async (places) => {
        const held = new Held();
        const pool = poolOf(heldThreads(held, count, ready).threads);
        const written: number[] = [];
        const writer = {
          add: ({ startPfn, endPfn, data }: { startPfn: number; endPfn: number; data: Uint8Array }) =>
            held.hold(() => {
              expect(endPfn - startPfn).toBe(TASK_PAGES);
              written.push(data[0] as number);
            }),
        };
        const run = followed(encodeDump(pool, plan, true, writer, () => undefined));
        await settle();
        for (let i = 0; !run.ended && held.waiting.length > 0; i++) {
          held.release(places[i % places.length]);
          await settle();
        }
        // Nothing is held back any more: if it has not ended, it never will.
        expect(run).toEqual({ ended: true });
        expect(written).toEqual(Array.from({ length: TASKS }, (_, i) => i + 1));
        await pool.end();
      }),
      { numRuns: 6 },
    );
  });
});

describe("the context of a run", () => {
  test("goes with the first task of each early thread, and again to a thread that asks for it", async () => {
    const held = new Held();
    let asks = 0;
    const { threads, requests } = heldThreads(held, 2, 2, async (request) =>
      request.context === undefined && asks++ === 0 ? { needsContext: true } : answers.encode(request),
    );
    const pool = poolOf(threads);
    const run = followed(encodeDump(pool, plan, true, { add: () => undefined }, () => undefined));
    await settle();
    while (held.waiting.length > 0) {
      held.release();
      await settle();
    }
    expect(run).toEqual({ ended: true });
    expect(requests.filter(({ context }) => context !== undefined)).toHaveLength(2);
    expect(requests).toHaveLength(TASKS + 1);
    await pool.end();
  });

  test("a thread that does not take it fails the run", async () => {
    const held = new Held();
    const pool = poolOf(heldThreads(held, 1, 1, async () => ({ needsContext: true })).threads);
    const result = pool.encode({ startPfn: 0, endPfn: 8, slot: 0, dropZeros: true });
    result.catch(() => undefined);
    for (let i = 0; i < 2; i++) {
      await settle();
      held.release();
    }
    await expect(result).rejects.toThrow("did not take the context");
    await pool.end();
  });
});

/** A run that was stopped while threads have tasks. */
async function stoppedRun() {
  const held = new Held();
  const stop = new AbortController();
  const pool = poolOf(heldThreads(held, 1, 1).threads, stop.signal);
  const run = followed(encodeDump(pool, plan, true, { add: () => undefined }, () => undefined));
  await settle();
  stop.abort();
  return { held, pool, run };
}

describe("a run that fails or is stopped", () => {
  test("the failure of a task is the run's, and the end waits for the tasks that threads have", async () => {
    const held = new Held();
    const failure = plainDumpError(new DumpError("CORRUPT", "a page cannot be read"));
    let first = true;
    const { threads } = heldThreads(held, 1, 1, async (request) => {
      if (!first) return answers.encode(request);
      first = false;
      return { failure };
    });
    const pool = poolOf(threads);
    const run = followed(encodeDump(pool, plan, true, { add: () => undefined }, () => undefined));
    await settle();
    held.release();
    await settle();
    expect(run.error).toMatchObject({ code: "CORRUPT" });
    const end = followed(pool.end());
    await settle();
    expect(held.waiting.length).toBeGreaterThan(0);
    while (held.waiting.length > 0) {
      expect(end.ended).toBe(false);
      held.release();
      await settle();
    }
    expect(end).toEqual({ ended: true });
  });

  test("a signal stops it with ABORTED", async () => {
    const { held, pool, run } = await stoppedRun();
    held.release();
    await settle();
    expect(run.error).toMatchObject({ code: "ABORTED" });
    while (held.waiting.length > 0) held.release();
    await pool.end();
  });

  test("its memory is the next run's: a service whose runs are stopped does not grow with each of them", async () => {
    const { held, pool, run } = await stoppedRun();
    while (held.waiting.length > 0) held.release();
    await pool.end();
    await settle();
    expect(run.error).toMatchObject({ code: "ABORTED" });
    const next = nextPools(held);
    expect(next.map(({ bytes }) => bytes.buffer)).toContain(pool.bytes.buffer);
    await Promise.all(next.map((one) => one.end()));
  });

  test("its memory is not the next run's while a write reads there", async () => {
    const held = new Held();
    const writes = new Held();
    const stop = new AbortController();
    const pool = poolOf(heldThreads(held, 1, 1).threads, stop.signal);
    const writer = { add: () => writes.hold(() => undefined) };
    const run = followed(encodeDump(pool, plan, true, writer, () => undefined));
    while (writes.waiting.length === 0) {
      await settle();
      held.release();
      await settle();
    }
    stop.abort();
    while (held.waiting.length > 0) held.release();
    await pool.end();
    await settle();
    const next = nextPools(held);
    expect(next.map(({ bytes }) => bytes.buffer)).not.toContain(pool.bytes.buffer);
    writes.release();
    await settle();
    expect(run.ended).toBe(true);
    const last = nextPools(held);
    expect(last.map(({ bytes }) => bytes.buffer)).toContain(pool.bytes.buffer);
    await Promise.all([...next, ...last].map((one) => one.end()));
  });

  test("its memory is nobody's when a thread has died: the others still write to their slots", async () => {
    const held = new Held();
    const died = new DumpError("WORKER_FAILED", "a worker thread failed");
    const { threads } = heldThreads(held, 1, 1, () => Promise.reject(died));
    const pool = poolOf(threads);
    const run = followed(encodeDump(pool, plan, true, { add: () => undefined }, () => undefined));
    await settle();
    while (held.waiting.length > 0) held.release();
    await settle();
    expect(run.error).toBe(died);
    await pool.end();
    await settle();
    const next = nextPools(held);
    expect(next.map(({ bytes }) => bytes.buffer)).not.toContain(pool.bytes.buffer);
    await Promise.all(next.map((one) => one.end()));
  });

  test("the main thread does not begin a task of a run that has ended", async () => {
    const held = new Held();
    const pool = poolOf(heldThreads(held, 1, 0).threads);
    const given = followed(pool.encode({ startPfn: 0, endPfn: 8, slot: 0, dropZeros: true }));
    const own = followed(pool.encode({ startPfn: 8, endPfn: 16, slot: 1, dropZeros: true }));
    const end = pool.end();
    held.release();
    await end;
    await settle();
    expect(own.error).toMatchObject({ code: "ABORTED" });
    expect(given.error).toMatchObject({ code: "ABORTED" });
  });
});

describe("results in order", () => {
  test("as the tasks are, and never more at once than allowed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(1000), { minLength: 1 }),
        async (most, places) => {
          const held = new Held();
          let running = 0;
          let highest = 0;
          const work = async (task: number) => {
            highest = Math.max(highest, ++running);
            await held.hold(() => undefined);
            running--;
            return task;
          };
          const got: number[] = [];
          const read = followed(
            (async () => {
              for await (const task of inOrder(
                Array.from({ length: 20 }, (_, i) => i),
                work,
                most,
              ))
                got.push(task);
            })(),
          );
          await settle();
          for (let i = 0; held.waiting.length > 0; i++) {
            held.release(places[i % places.length]);
            await settle();
          }
          expect(read).toEqual({ ended: true });
          expect(got).toEqual(Array.from({ length: 20 }, (_, i) => i));
          expect(highest).toBeLessThanOrEqual(most);
        },
      ),
      { numRuns: 10 },
    );
  });
});
