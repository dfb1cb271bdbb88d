import { MAX_THREADS } from "../../worker/threads.js";
import { OPENING, type Option } from "./option.js";

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
  {
    name: "num-threads",
    kind: "number",
    value: "N",
    least: 1,
    most: MAX_THREADS,
    commands: ["filter", "split", "handover", "verify", "worker", "plan", "shard"],
    help: "worker threads (default: one per core, 16 at most)",
    long: `Worker threads, 1 to ${MAX_THREADS}. Default: one per processor core, 16 at most. The output is the same for any number`,
    cure: "Default: one per processor core, 16 at most, which is best",
  },
  {
    name: "strict",
    kind: "flag",
    commands: ["filter", "split", "submit", "plan", "audit"],
    help: "make every warning an error",
    long: "Make every warning an error",
  },
  {
    name: "quiet",
    letter: "q",
    kind: "flag",
    commands: QUIET,
    help: "print errors only",
    long: "Print no progress and no warnings; of a run that writes a file no summary either",
  },
  {
    name: "json",
    kind: "flag",
    commands: [...OPENING, "shard", "finish", "staging", "uploads", "rearrange", "reassemble"],
    help: "print the result as JSON",
    long: "Print the result as JSON. Sizes are bytes, counts are pages",
  },
  {
    name: "show-stats",
    kind: "flag",
    commands: ["filter"],
    help: "print makedumpfile's report as well",
    long: "Print makedumpfile's report as well",
  },
] as const satisfies readonly Option[];
