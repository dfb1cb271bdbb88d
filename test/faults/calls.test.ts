/** Runs in which the system's Nth call for a file goes wrong, some of those that `npm run faults -- --calls` does; all are judged alike. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { callStage } from "../../fuzz/faults/calls/campaign.js";
import { runCall } from "../../fuzz/faults/calls/run-call.js";
import { SCENARIOS } from "../../fuzz/faults/calls/scenarios.js";
import type { CallFault } from "../../fuzz/faults/calls/shim.js";
import { rootOf } from "../../fuzz/faults/run-case.js";
import { temporaryFolder } from "../support/filter.js";

const folder = join(temporaryFolder(), "calls");
mkdirSync(folder);
const stage = callStage(rootOf(import.meta.url), folder);

const ALWAYS = 1e9;
const PARTIAL = "to/.out.#.partial";
const FAULTS: readonly (readonly [scenario: string, fault: CallFault, says: string])[] = [
  ["ELF to kdump", { call: "write", file: PARTIAL, what: "ENOSPC", nth: 1, times: ALWAYS }, ""],
  // Node has no name for this one.
  ["ELF to kdump", { call: "write", file: PARTIAL, what: "EDQUOT", nth: 1, times: 1 }, "disk quota exceeded"],
];

// Without gcc there is nothing to preload.
test.skipIf(stage === undefined).each(FAULTS)("%s: %j", async (name, fault, says) => {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (stage === undefined || scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const { hits, problem, stderr } = await runCall(stage, scenario, fault);
  expect(problem).toBeUndefined();
  expect(stderr).toContain(says);
  expect(hits).toBeGreaterThan(0);
});
