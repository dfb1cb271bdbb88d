/** Runs with faults taken by chance, a few of those that `npm run faults` does; all are judged alike. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { chosenCase } from "../../fuzz/faults/fault-case.js";
import { Inputs } from "../../fuzz/faults/inputs.js";
import { rootOf, runCase, type Stage } from "../../fuzz/faults/run-case.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { temporaryFolder } from "../support/filter.js";

const folder = join(temporaryFolder(), "faults");
mkdirSync(folder);
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());
const stage: Stage = {
  ...{ folder, root: rootOf(import.meta.url), threads, undisturbed: new Map() },
  inputs: new Inputs(join(folder, "inputs")),
};

// The first six of faults that are no matter of time: the same in every run, on every machine.
const seeds: number[] = [];
for (let seed = 1; seeds.length < 6; seed++) if (chosenCase(seed).fault.kind === "call") seeds.push(seed);

test.each(seeds)("seed %i", async (seed) => {
  const { problem } = await runCase(stage, chosenCase(seed));
  expect(problem).toBeUndefined();
});
