import { MAX_THREADS } from "../../worker/threads.js";
import { OPENING, ROW } from "./option.js";

const { flag, number } = ROW;

const QUIET = [
  "filter",
  "split",
  "submit",
  "plan",
  "shard",
  "finish",
  "bench",
  "handover",
  "audit",
  "verify",
  "worker",
  "rearrange",
  "reassemble",
] as const;

/** Options about how a command runs, and what it prints. */
export const RUN_OPTIONS = [
  number(
    "num-threads",
    [1, MAX_THREADS],
    ["filter", "split", "handover", "verify", "worker", "plan", "shard"],
    "worker threads (default: one per core, 16 at most)",
    {
      long: `Worker threads, 1 to ${MAX_THREADS}. Default: one per processor core, 16 at most. The output is the same for any number`,
      cure: "Default: one per processor core, 16 at most, which is best",
    },
  ),
  flag("strict", ["filter", "split", "submit", "plan", "audit"], "make every warning an error", {
    long: "Make every warning an error",
  }),
  flag("quiet", QUIET, "print errors only", {
    letter: "q",
    long: "Print no progress and no warnings; of a run that writes a file no summary either",
  }),
  flag(
    "json",
    [...OPENING, "shard", "finish", "staging", "uploads", "rearrange", "reassemble"],
    "print the result as JSON",
    { long: "Print the result as JSON. Sizes are bytes, counts are pages" },
  ),
  flag("show-stats", ["filter"], "print makedumpfile's report as well", {
    long: "Print makedumpfile's report as well",
    idle: [{ beside: ["json"] }],
  }),
] as const;
