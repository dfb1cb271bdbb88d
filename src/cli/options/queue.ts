import { MAX_PRIORITY } from "../../queue/queue-limits.js";
import { MAX_SHARDS } from "../../shard/shard-limits.js";
import { ROW } from "./option.js";

const { flag, folder, number, text } = ROW;

const DAY = 86400;

/** Options for runs by many hosts (submit, worker, jobs), and for uploads to a store. */
export const QUEUE_OPTIONS = [
  text("allow", ["worker"], "read and write in this folder only, or s3://BUCKET/PREFIX/; may be repeated", {
    value: "FOLDER",
    repeated: "many",
  }),
  text("allow-read", ["worker"], "read dumps in this folder only", { value: "FOLDER", repeated: "many" }),
  text("allow-write", ["worker"], "write outputs in this folder only", { value: "FOLDER", repeated: "many" }),
  number("shards", [1, MAX_SHARDS], ["submit"], "parts of the work (default: auto, by size, workers)", {
    auto: "auto",
  }),
  number("shards", [1, MAX_SHARDS], ["plan"], "parts of the work (default: auto, by size)", { auto: "auto" }),
  text("staging", ["plan"], "where the steps meet: a folder, or s3://BUCKET/PREFIX", { value: "PLACE" }),
  number("wait", [0, DAY], ["shard"], "how long to wait for earlier shards (default: 30)", { value: "SECONDS" }),
  flag("missing", ["staging"], "print only what is missing, as sbatch --array takes it", {
    idle: [{ beside: ["json"] }],
  }),
  flag("clean", ["staging"], "remove what the run left, but not OUT", { alone: [] }),
  number("priority", [1, MAX_PRIORITY], ["submit"], "1 goes first, 2097152 last (default: before these)"),
  text("key", ["submit"], "your own name for the run: the same key is the same run", { value: "KEY" }),
  flag("again", ["submit"], "run it although it is done already"),
  flag("wait", ["submit"], "wait until it is done, and say how it went"),
  // Node's timers are limited to 2^31 ms.
  number(
    "wait-timeout",
    [0, 24 * DAY],
    ["submit"],
    "with --wait: no longer than that; exit code 124, and the run goes on",
    { value: "SECONDS", idle: [{ without: ["wait"] }] },
  ),
  text("redis", ["submit", "worker", "jobs"], "the queue (default: $REDIS_URL, or this host)", {
    value: "URL",
    idle: [{ in: ["jobs"], beside: ["without-redis"] }],
  }),
  number("limit", [1, 1_000_000], ["jobs"], "list the latest N runs at most (default: 1000)", { actions: ["list"] }),
  flag("remove", ["jobs"], "clean: remove what is listed", { actions: ["clean"] }),
  number(
    "older-than",
    [0, 36_500],
    ["jobs"],
    "clean: only what nobody wrote to for so long (default: 30, as long as Redis remembers failed runs)",
    { value: "DAYS", actions: ["clean"] },
  ),
  flag("without-redis", ["jobs"], "clean: there is no queue any more; needs --older-than", { actions: ["clean"] }),
  number("concurrency", [1, 64], ["worker"], "jobs in work at once (default: 1, which uses all cores)"),
  number(
    "waiting",
    [0, 1024],
    ["worker"],
    "encoded shards that may wait for their place, each in a temporary file (default: 4)",
  ),
  folder("spool-dir", ["worker", "shard"], "folder of temporary files (default: $TMPDIR)", {
    object: { cure: "Name a folder of this machine: the files there are temporary" },
  }),
  number(
    "takeover",
    [1, DAY],
    ["worker"],
    "a job without a sign of life for so long goes to another worker (default: 30)",
    { value: "SECONDS" },
  ),
  number("grace", [0, DAY], ["worker"], "when stopped, time to finish jobs; the rest is handed back (default: 30)", {
    value: "SECONDS",
  }),
  text("output-mode", ["worker", "finish"], "permissions of outputs that are files, in octal (default: 600)", {
    value: "MODE",
  }),
  text("output-owner", ["worker", "finish"], "owner of outputs; also UID or :GID; needs root", { value: "UID:GID" }),
  number("keep-done", [1, 36_500], ["worker"], "how long Redis remembers runs that are done (default: 7)", {
    value: "DAYS",
  }),
  number("keep-failed", [1, 36_500], ["worker"], "how long it remembers runs that failed (default: 30)", {
    value: "DAYS",
  }),
  number(
    "clean-every",
    [1, 24 * 365],
    ["worker"],
    "remove what forgotten runs left where this worker may write, if older than --keep-failed",
    { value: "HOURS" },
  ),
  text("metrics", ["worker"], "serve metrics for Prometheus at this port of localhost, or at HOST:PORT", {
    value: "PORT",
  }),
  flag("traces", ["worker"], "make traces for OpenTelemetry (needs bullmq-otel)"),
  flag("json", ["jobs"], "print JSON; with watch, one line for each change", {
    actions: ["list", "watch", "clean"],
  }),
  flag("abort", ["uploads"], "remove the unfinished uploads of this one object"),
] as const;
