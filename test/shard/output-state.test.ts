/** A run that is done is believed only while its output is there, and one output has one run at a time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { claimOutput } from "../../src/queue/output-claim.js";
import type { Queues } from "../../src/queue/queues.js";
import { outputState } from "../../src/shard/output-state.js";
import { temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();

test("an output is there, gone, another's, or on a share that is not mounted here", async () => {
  const path = join(folder, "out");
  expect(await outputState(path, 5)).toBe("gone");
  writeFileSync(path, "12345");
  expect(await outputState(path, 5)).toBe("there");
  expect(await outputState(path, undefined)).toBe("there");
  expect(await outputState(path, 6)).toBe("other");
  expect(await outputState(join(folder, "no", "out"), 5)).toBe("unknown");
  mkdirSync(join(folder, "dir"));
  expect(await outputState(join(folder, "dir"), 5)).toBe("unknown");
});

test("an output has one run at a time; a claim of one that is over or gone counts no more", async () => {
  const keys = new Map<string, string>();
  const redis = {
    async set(key: string, id: string) {
      if (keys.has(key)) return null;
      keys.set(key, id);
      return "OK";
    },
    get: async (key: string) => keys.get(key) ?? null,
    async eval(_text: string, _count: number, key: string, from: string, to: string) {
      if (keys.get(key) !== from) return 0;
      keys.set(key, to);
      return 1;
    },
  } as unknown as Queues["redis"];
  const live = new Set(["a"]);
  const claim = (output: string, id: string) => claimOutput({ redis }, output, id, async (one) => live.has(one));
  await claim("/out", "a");
  await claim("/out", "a");
  await claim("/other", "b");
  await expect(claim("/out", "b")).rejects.toMatchObject({
    code: "OUTPUT_EXISTS",
    message: expect.stringMatching(/^\/out: the run a is to write it.*coresieve jobs watch a/),
  });
  live.clear();
  await claim("/out", "b");
  live.add("b");
  await expect(claim("/out", "a")).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
});
