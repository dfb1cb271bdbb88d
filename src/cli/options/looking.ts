import { CODEC_NAMES } from "../../codec/codecs.js";
import { MAX_LEVEL } from "../../filter/policy.js";
import { LOG_FORMATS } from "../../kernel/log/format-record.js";
import { MAX_THREADS } from "../../worker/threads.js";
import { ROW } from "./option.js";

const { choice, file, flag, folder, list, number, numbers } = ROW;

/** Options of commands that read a dump and write none: estimate, bench, audit, verify, dmesg. */
export const LOOKING_OPTIONS = [
  flag("notes", ["info"], "also list the notes", { idle: [{ beside: ["json"] }] }),
  flag("vmcoreinfo-text", ["info"], "also show all items of VMCOREINFO", { idle: [{ beside: ["json"] }] }),
  numbers(
    "level",
    [0, MAX_LEVEL],
    ["estimate"],
    "levels to show: 1,31 or all (default: 0,1,16,17,23,31; --json has all)",
    {
      letter: "d",
      all: "all",
      long: "Levels to show, with commas between them, or `all`. Default: 0,1,16,17,23,31; `--json` has all",
      cure: "Write levels with commas between them, or all",
      idle: [{ beside: ["json"] }],
    },
  ),
  folder("to", ["estimate"], "also mark outputs that do not fit on this disk", {
    value: "PATH",
    long: "Also mark with `!` what may not fit on the disk there",
    object: { cure: "Leave it out: a store does not say how much room it has" },
  }),
  numbers("level", [0, MAX_LEVEL], ["bench"], "levels: 31,1 (default: 31)", { letter: "d" }),
  list("codec", CODEC_NAMES, ["bench"], "codecs: none,lzo (default: all)"),
  numbers("workers", [1, MAX_THREADS], ["bench"], "worker threads: 1,2,4 (default: 1, and one per core)"),
  number(
    "runs",
    [0, 1000],
    ["bench"],
    "runs of each, after one that does not count (default: 5; 3 if one takes over 30 s; 0: none)",
  ),
  file("rules", ["audit"], "write rules for what was found to FILE, for --erase", {
    long: "Write rules for `--erase` to `FILE`: one for each place where something was found.",
    see: "See [audit.md](audit.md)",
  }),
  file("result", ["audit"], "write the result to FILE, as JSON; verify --audit checks it"),
  file("against", ["bench"], "makedumpfile, or its path: run it in turn with ours", {
    value: "PROGRAM",
    long: "`makedumpfile`, or its path: it is run in turn with coresieve",
  }),
  number("against-threads", [1, MAX_THREADS], ["bench"], "its --num-threads, beside one thread (default: 2)", {
    idle: [{ without: ["against"] }],
  }),
  folder("folder", ["bench"], "where outputs go (default: the temporary folder); it needs room for one", {
    object: { cure: "Name a folder of this machine: the files there are temporary" },
  }),
  flag("no-stages", ["bench"], "whole runs only"),
  file(
    "original",
    ["audit"],
    "the dump it was made from: gives the kinds of pages if the audited dump has no struct pages",
    { value: "DUMP" },
  ),
  file(
    "secrets",
    ["audit"],
    "texts to search for in the whole file, one a line; hex: and digits for bytes; # begins a comment",
    { object: "read" },
  ),
  file("secrets", ["handover"], "texts that must not be in OUT, one a line", {
    object: "read",
    long: "Texts that must not be in `OUT`, one a line; `hex:` and digits for bytes. Every byte of the file is searched.",
    see: "See [audit.md](audit.md#secrets)",
  }),
  file("against", ["verify"], "compare with the dump that it was made from; repeat it for each file of a split set", {
    value: "ORIGINAL",
    repeated: "each",
  }),
  file("manifest", ["verify"], "compare with its manifest; with --against also the digest of the original"),
  file("audit", ["verify"], "compare with the result of its audit (audit --result), which must have found nothing"),
  file(
    "key",
    ["verify"],
    "public key (PEM or OpenSSH): --manifest and --audit must be signed with its private key, in FILE.sig",
    { object: "read", idle: [{ without: ["manifest", "audit"] }] },
  ),
  number("findings", [1, 1_000_000], ["verify"], "findings of each kind to show (default: 10)"),
  flag("since-clear", ["dmesg"], "only what came after the last `dmesg --clear`", {
    long: "Only what came after the last `dmesg --clear`",
  }),
  choice(
    "follow-format",
    LOG_FORMATS,
    ["dmesg"],
    "write lines as: dmesg (default), levels (dmesg -x), raw (dmesg -r), kmsg (/dev/kmsg), makedumpfile (--dump-dmesg)",
    { idle: [{ beside: ["json"] }] },
  ),
] as const;
