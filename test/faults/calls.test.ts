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
  ["ELF to kdump", { call: "unlink", file: PARTIAL, what: "EACCES", nth: 0, times: ALWAYS }, ""],
  ["ELF to kdump", { call: "write", file: PARTIAL, what: "swap-link", nth: 1, times: 1 }, ""],
  ["ELF to kdump", { call: "write", file: PARTIAL, what: "swap-file", nth: 1, times: 1 }, ""],
  ["ELF to kdump", { call: "link", file: "to/out", what: "link-name", nth: 0, times: 1 }, ""],
  ["rearranged", { call: "read", file: "in/0.flattened", what: "EINTR", nth: 1, times: 3 }, ""],
  ["ELF to kdump", { call: "write", file: "stdout", what: "EIO", nth: 0, times: ALWAYS }, "is there, and whole"],
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
