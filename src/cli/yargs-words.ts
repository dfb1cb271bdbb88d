import yargs from "yargs";
import type { Command } from "./command.js";

/** What yargs makes of a command line. */
interface ParsedWords {
  readonly args: { help?: unknown; version?: unknown; config?: unknown; _: (string | number)[] };
  /** Long names of the options that stand there. */
  readonly given: readonly string[];
}

/** Reads any command line. Throws yargs' errors. */
export function yargsWords(command: Pick<Command, "options">, argv: readonly string[]): ParsedWords {
  const parser = yargs()
    .scriptName("coresieve")
    // Messages in the language of the help; no --no-zlib.
    .locale("en")
    .parserConfiguration({ "boolean-negation": false, "dot-notation": false, "parse-positional-numbers": false })
    .help(false)
    .version(false)
    .option("help", { alias: "h", type: "boolean", default: false })
    .option("version", { alias: "v", type: "boolean", default: false })
    .option("config", { type: "string", requiresArg: true })
    .options(command.options)
    .strictOptions()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    });
  const args: ParsedWords["args"] = parser.parseSync(argv);
  const { parsed } = parser as unknown as { parsed: { defaulted: Record<string, boolean> } };
  const values = args as Readonly<Record<string, unknown>>;
  const given = Object.keys(command.options).filter(
    (option) => values[option] !== undefined && parsed.defaulted[option] !== true,
  );
  return { args, given };
}
