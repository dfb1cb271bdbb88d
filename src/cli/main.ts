#!/usr/bin/env node
import yargs from "yargs";
import { DumpError } from "../errors.js";
import { CODEC_NAMES } from "../worker/codec/codecs.js";
import { filterCommand } from "./filter-command.js";
import { infoCommand } from "./info-command.js";
import { exitCodeOf, stopOnSignals } from "./stop.js";
import { versionText } from "./version.js";

const stop = stopOnSignals();

await yargs(process.argv.slice(2))
  .scriptName("coresieve")
  .usage(
    "Makes Linux kernel crash dumps small and safe to hand over.\n\n  $0 DUMP OUT [options]   filter a dump\n  $0 info DUMP            say what a dump is",
  )
  .command(
    "$0 [files..]",
    false,
    (command) =>
      command
        .positional("files", { type: "string", array: true, default: [] as string[] })
        .option("level", {
          alias: "d",
          type: "string",
          requiresArg: true,
          describe:
            "Dump level 0 to 31: sum of 1 zero pages, 2 page cache, 4 cache with private data, 8 user memory, 16 free pages (default 31)",
        })
        .option("exclude", {
          type: "string",
          requiresArg: true,
          describe: "The same by name: zero,cache,cache-private,user,free",
        })
        .option("zlib", {
          alias: "c",
          type: "boolean",
          default: false,
          describe: "Compress with zlib: every reader opens it",
        })
        .option("lzo", { alias: "l", type: "boolean", default: false, describe: "Compress with LZO: fast" })
        .option("snappy", { alias: "p", type: "boolean", default: false, describe: "Compress with snappy: fast" })
        .option("zstd", {
          alias: "z",
          type: "boolean",
          default: false,
          describe: "Compress with zstd: small (crash 8 and later)",
        })
        .option("compress", { choices: CODEC_NAMES, requiresArg: true, describe: "The same by name" })
        .option("compression-level", {
          type: "number",
          requiresArg: true,
          describe: "zlib 1 to 9, zstd 1 to 19 (default 1)",
        })
        .option("elf", {
          alias: "E",
          type: "boolean",
          default: false,
          describe: "Write ELF instead of kdump-compressed",
        })
        .option("flatten", {
          alias: "F",
          type: "boolean",
          default: false,
          describe: "Write flattened to stdout, for a pipe; no OUT",
        })
        .option("force", { alias: "f", type: "boolean", default: false, describe: "Overwrite OUT" })
        .option("num-threads", {
          type: "number",
          requiresArg: true,
          describe: "Worker threads (default: one per core, 16 at most)",
        })
        .option("show-stats", { type: "boolean", default: false, describe: "Add makedumpfile's report" })
        .option("json", { type: "boolean", default: false, describe: "Print the result as JSON" })
        .option("strict", { type: "boolean", default: false, describe: "Make every warning an error" })
        .option("quiet", { alias: "q", type: "boolean", default: false, describe: "Print errors only" })
        .example("$0 vmcore small.kdump -d 31 -c", "drop all that a debugger does not need, compress")
        .example("$0 vmcore - -F -l | ssh host 'cat > f'", "")
        .example("$0 part1 part2 whole.kdump -z", "a split set as one dump"),
    (args) => run(filterCommand(args, stop.signal)),
  )
  .command(
    "info [files..]",
    "Say what a dump is: format, machine, kernel, memory, notes, VMCOREINFO, and whether it can be filtered",
    (command) =>
      command
        .positional("files", { type: "string", array: true, default: [] as string[] })
        .option("json", { type: "boolean", default: false, describe: "Print as JSON" }),
    (args) => run(Promise.resolve().then(() => infoCommand(args.files, args.json))),
  )
  .version(versionText())
  .alias("version", "v")
  .help()
  .alias("help", "h")
  .strict()
  .fail((message, error) => {
    throw error ?? new DumpError("BAD_OPTION", message, { cure: "`coresieve --help` lists the options" });
  })
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .parseAsync()
  .catch(report);

async function run(command: Promise<void>): Promise<void> {
  await command.catch(report);
}

function report(error: unknown): void {
  process.exitCode = exitCodeOf(error, stop.signalName());
  const text =
    error instanceof DumpError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`coresieve: ${text}\n`);
}
