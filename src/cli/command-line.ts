import yargs from "yargs";
import { DumpError } from "../errors.js";
import type { WorkerThreads } from "../worker/threads.js";
import { filterCommand } from "./filter-command.js";
import { HELP } from "./help.js";
import { infoCommand } from "./info-command.js";
import { versionText } from "./version.js";
import { vmcoreinfoCommand } from "./vmcoreinfo-command.js";

/** What the commands are given beside their arguments. */
export interface CommandContext {
  readonly signal: AbortSignal;
  /** Threads that were started before the command line was read. */
  readonly threads: WorkerThreads | undefined;
}

/** Reads the command line and returns what it asks for. What each option means stands in help.ts. */
export function parseCommandLine(argv: readonly string[], context: CommandContext): () => void | Promise<void> {
  let work: () => void | Promise<void> = () => undefined;
  const parser = yargs()
    .scriptName("coresieve")
    // Messages in the language of the help; no --no-zlib.
    .locale("en")
    .parserConfiguration({ "boolean-negation": false, "dot-notation": false })
    .help(false)
    .version(false)
    .option("help", { alias: "h", type: "boolean", default: false, global: true })
    .option("version", { alias: "v", type: "boolean", default: false, global: true })
    .command(
      "$0 [files..]",
      false,
      (command) =>
        command
          .positional("files", { type: "string", array: true, default: [] as string[] })
          .option("raw", { type: "string", requiresArg: true })
          .option("arch", { type: "string", requiresArg: true })
          .option("vmcoreinfo", { alias: "i", type: "string", requiresArg: true })
          .option("vmcoreinfo-device", { type: "string", requiresArg: true })
          .option("write-vmcoreinfo", { alias: "g", type: "string", requiresArg: true })
          .option("level", { alias: "d", type: "string", requiresArg: true })
          .option("exclude", { type: "string", requiresArg: true })
          .option("zlib", { alias: "c", type: "boolean", default: false })
          .option("lzo", { alias: "l", type: "boolean", default: false })
          .option("snappy", { alias: "p", type: "boolean", default: false })
          .option("zstd", { alias: "z", type: "boolean", default: false })
          .option("compress", { type: "string", requiresArg: true })
          .option("compression-level", { type: "string", requiresArg: true })
          .option("elf", { alias: "E", type: "boolean", default: false })
          .option("flatten", { alias: "F", type: "boolean", default: false })
          .option("force", { alias: "f", type: "boolean", default: false })
          .option("num-threads", { type: "string", requiresArg: true })
          .option("show-stats", { type: "boolean", default: false })
          .option("json", { type: "boolean", default: false })
          .option("strict", { type: "boolean", default: false })
          .option("quiet", { alias: "q", type: "boolean", default: false }),
      (args) => {
        // Names behind `--`.
        const files = [...args.files, ...args._.map(String)];
        const last = { ...lastOfEach(args), files };
        const { writeVmcoreinfo } = last;
        work = () =>
          writeVmcoreinfo === undefined
            ? filterCommand(last, context)
            : vmcoreinfoCommand({ ...last, writeVmcoreinfo });
      },
    )
    .command(
      "info [files..]",
      false,
      (command) =>
        command
          .positional("files", { type: "string", array: true, default: [] as string[] })
          .option("raw", { type: "string", requiresArg: true })
          .option("arch", { type: "string", requiresArg: true })
          .option("vmcoreinfo", { alias: "i", type: "string", requiresArg: true })
          .option("vmcoreinfo-device", { type: "string", requiresArg: true })
          .option("json", { type: "boolean", default: false }),
      (args) => {
        const last = lastOfEach({ ...args, files: undefined });
        work = () => infoCommand(args.files, args.json, last);
      },
    )
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    });
  try {
    const { help, version } = parser.parseSync(argv);
    if (help) return () => void process.stdout.write(HELP);
    if (version) return () => void process.stdout.write(`${versionText()}\n`);
    return work;
  } catch (error) {
    throw badCommandLine(error);
  }
}

/** Of an option that is named twice the last counts, as in other programs; yargs makes an array of them. */
function lastOfEach<T extends object>(args: T): T {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]: [string, unknown]) => [name, Array.isArray(value) ? value.at(-1) : value]),
  ) as T;
}

/** What yargs finds wrong, in the words of the other errors. */
function badCommandLine(error: unknown): DumpError {
  const text = error instanceof Error ? error.message : String(error);
  const dashed = (names: string) =>
    names
      .split(/, */)
      .map((name) => (name.length === 1 ? `-${name}` : `--${name}`))
      .join(", ");
  const what = text
    .replace(/^Unknown arguments?: (.*)$/, (_, names: string) => `there is no option ${dashed(names)}`)
    .replace(/^Not enough arguments following: (.*)$/, (_, name: string) => `${dashed(name)} needs a value`);
  return new DumpError("BAD_OPTION", what, { cure: "`coresieve --help` lists the options", cause: error });
}
