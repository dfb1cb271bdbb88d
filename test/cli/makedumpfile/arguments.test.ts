/** The command line of coresieve-makedumpfile: what it takes, and the words for what it does not. */
import { expect, test } from "vitest";
import { parseMakedumpfile } from "../../../src/cli/makedumpfile/arguments.js";
import { Messages } from "../../../src/cli/makedumpfile/messages.js";
import { MAKEDUMPFILE_OPTIONS, optionName } from "../../../src/cli/makedumpfile/option-table.js";

const INVALID = "Commandline parameter is invalid.\nTry `makedumpfile --help' for more information.\n";

function parse(line: string | readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const messages = new Messages({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  const argv = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
  return { ...parseMakedumpfile(argv, "makedumpfile", messages), stdout, stderr, level: messages.level };
}

test.each([
  ["-l --message-level 7 -d 31 /proc/vmcore out", { codec: "lzo", levels: [31], files: ["/proc/vmcore", "out"] }],
  ["-d31 -l v o", { codec: "lzo", levels: [31] }],
  ["-cd31 v o", { codec: "zlib", levels: [31] }],
  ["-fld31 v o", { codec: "lzo", levels: [31], force: true }],
  ["v o -c -d 31", { codec: "zlib", levels: [31], files: ["v", "o"] }],
  ["v -c -- -o", { codec: "zlib", files: ["v", "-o"] }],
  ["- o", { files: ["-", "o"] }],
  ["-l -c -p -z v o", { codec: "zstd" }],
  ["-z -l v o", { codec: "lzo" }],
  ["-d 1 -d 31 v o", { levels: [31] }],
  ["-d 1,2,31 v o", { levels: [1, 2, 31] }],
  ["-d 31, v o", { levels: [31] }],
  ["-d x v o", { levels: [0] }],
  ["v o", { levels: [0], codec: "none", elf: false, threads: 0 }],
  ["-F -c -d 31 /proc/vmcore", { mode: "create", flattened: true, files: ["/proc/vmcore"] }],
  ["-E -d 31 v o", { elf: true }],
  ["-L 500M v o", { sizeLimit: 500 * 2 ** 20 }],
  ["-L 0x10k v o", { sizeLimit: 16384 }],
  ["-L 2G v o", { sizeLimit: 2 ** 31 }],
  ["--num-threads=4 v o", { threads: 4 }],
  ["--num-threads -3 v o", { threads: 0 }],
  ["--vtop 0xffffffff81000000 v o", { vtop: 0xffffffff81000000n }],
  ["--dump-dmesg v o", { mode: "dmesg" }],
  ["--dump v o", { mode: "dmesg" }],
  ["--dump-dmesg -F v", { mode: "dmesg", files: ["v"] }],
  ["--partial-dmesg --dump-dmesg v o", { mode: "dmesg", sinceClear: true }],
  ["--mem-usage /proc/kcore", { mode: "mem-usage" }],
  ["--dry-run --show-stats -d 31 v o", { dryRun: true }],
  ["--check-params -d 31 v o", { checkOnly: true }],
  ["-x vmlinux --config conf v o", { vmlinux: "vmlinux", config: "conf" }],
  ["-i info v o", { vmcoreinfo: "info" }],
  ["--cyclic-buffer 1024 --non-cyclic --non-mmap --work-dir /tmp -b 8 v o", { files: ["v", "o"] }],
  ["-R out", { mode: "rearrange", files: ["out"] }],
  ["-R --split --dump-dmesg out", { mode: "rearrange" }],
  ["--split -l -d 31 v a b c", { mode: "split", files: ["v", "a", "b", "c"] }],
  ["--split --splitblock-size 1024 v a b", { mode: "split" }],
  ["--reassemble a b out", { mode: "reassemble", files: ["a", "b", "out"] }],
  ["-h", { mode: "help" }],
  ["--help -v", { mode: "help" }],
  ["-v", { mode: "version" }],
])("%s", (line, expected) => {
  expect(parse(line)).toMatchObject({ request: expected, stdout: "", stderr: "" });
});

test.each([
  ["", INVALID, ""],
  ["v", INVALID, ""],
  ["v o more", INVALID, ""],
  ["-q", INVALID, "makedumpfile: invalid option -- 'q'\n"],
  ["-d", INVALID, "makedumpfile: option requires an argument -- 'd'\n"],
  ["--help-me", INVALID, "makedumpfile: unrecognized option '--help-me'\n"],
  ["--vtop", INVALID, "makedumpfile: option '--vtop' requires an argument\n"],
  ["--dry-run=1", INVALID, "makedumpfile: option '--dry-run' doesn't allow an argument\n"],
  [
    "--x a",
    INVALID,
    "makedumpfile: option '--x' is ambiguous; possibilities: '--xen-syms' '--xen-vmcoreinfo' '--xen_phys_start'\n",
  ],
  ["-d 32 v o", "Dump_level(32) is invalid.\n", ""],
  ["-d -1 v o", "Dump_level(-1) is invalid.\n", ""],
  ["-d 99 -q", "Dump_level(99) is invalid.\n", ""],
  ["-L 0 v o", "Limit size(0) is invalid.\n", ""],
  ["-L 5k5 v o", "Limit size(5k5) is invalid.\n", ""],
  ["--message-level 32 v o", "Message_level(32) is invalid.\n", ""],
  ["--message-level 0 -d 99 v o", "", ""],
  ["--message-level 0 --check-params v", INVALID, ""],
  ["--message-level 0 -q", "", "makedumpfile: invalid option -- 'q'\n"],
  ["-E -c v o", INVALID, ""],
  ["-x a -i b v o", INVALID, ""],
  ["--config c v o", INVALID, ""],
  ["--partial-dmesg v o", INVALID, ""],
  ["-F v o", "", INVALID],
  ["-R -d 31 out", INVALID, ""],
  ["-R a b", INVALID, ""],
  ["--split v a", INVALID, ""],
  ["--split -F v a b", "", INVALID],
  ["--split --num-threads 2 v a b", `--num-threads cannot used with --split.\n${INVALID}`, ""],
  ["--split -E v a b", `Options for splitting dumpfile cannot be used with Elf format.\n${INVALID}`, ""],
  ["--reassemble -c a b out", INVALID, ""],
  ["--dry-run --reassemble a b out", `--dry-run cannot be used with --reassemble.\n${INVALID}`, ""],
  ["-q -F", INVALID, "makedumpfile: invalid option -- 'q'\n"],
  ["-F -d 99 v", "", "Dump_level(99) is invalid.\n"],
  ["--dry-run --dump-dmesg v o", `--dry-run cannot be used with --dump-dmesg.\n${INVALID}`, ""],
  ["--num-threads 2 -E v o", `--num-threads cannot used with ELF format.\n${INVALID}`, ""],
])("%s: is refused in makedumpfile's words", (line, stdout, stderr) => {
  expect(parse(line)).toMatchObject({ request: undefined, stdout, stderr });
});

test.each(
  MAKEDUMPFILE_OPTIONS.filter(({ refused }) => refused !== undefined).map((one) => [optionName(one), one] as const),
)("%s is refused by name, also by --check-params", (name, { takesValue, refused }) => {
  const words = ["--check-params", name, ...(takesValue ? ["value"] : []), "v", "o"];
  expect(parse(words)).toMatchObject({
    request: undefined,
    checkOnly: true,
    stdout: `'${name}' option is not served by coresieve-makedumpfile: ${refused}.\n${INVALID}`,
  });
});

test("-D and --show-stats add their bits to the message level", () => {
  expect(parse("-D --show-stats v o").level).toBe(31);
  expect(parse("--message-level 1 --show-stats v o").level).toBe(17);
});
