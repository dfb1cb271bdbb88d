import type { Options } from "yargs";
import { DumpError } from "../errors.js";
import type { Command } from "./command.js";
import { COMMAND_NAMES, commandNamed } from "./commands.js";
import { nearestName } from "./nearest-name.js";

/** What is said of options that a command does not have: why, which other commands have them, or what is meant, perhaps. */
export async function unknownOptions(
  names: readonly string[],
  commandName: string,
  command: Command,
): Promise<DumpError> {
  // yargs names those with dashes a second time, in camel case.
  const written = names.filter((name) => name.length === 1 || !/[A-Z]/.test(name));
  const [first = ""] = written.length === 0 ? names : written;
  const named = (written.length === 0 ? names : written).map(dashed).join(", ");
  const commands = await Promise.all(COMMAND_NAMES.map(async (name) => ({ name, command: await commandNamed(name) })));
  const having = commands.filter(({ command: other }) => other !== undefined && longName(first, other) !== undefined);
  const filter = commands.find(({ name }) => name === "filter")?.command;
  const long = longName(first, filter ?? command) ?? first;
  const reason = command.refused?.[long];
  if (reason !== undefined) {
    return new DumpError("BAD_OPTION", `${commandName} has no option ${named}: ${reason}`, {
      cure: `\`coresieve help ${commandName}\` lists its options`,
    });
  }
  if (having.length > 0) {
    const others = having.map(({ name }) => name).join(", ");
    return new DumpError("BAD_OPTION", `${commandName} has no option ${named}; it is one of ${others}`, {
      cure: `\`coresieve help ${commandName}\` lists its options`,
    });
  }
  const nearest = nearestName(first, Object.keys(command.options));
  return new DumpError(
    "BAD_OPTION",
    `there is no option ${named}${nearest === undefined ? "" : `; --${nearest} is meant, perhaps`}`,
    {
      cure:
        commandName === "filter"
          ? "`coresieve --help` lists the options"
          : `\`coresieve help ${commandName}\` lists them`,
    },
  );
}

/** As it stands on the command line. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The long name of an option of a command, by it or by its letter. */
function longName(name: string, { options }: Command): string | undefined {
  const has = ([long, { alias }]: [string, Options]) => long === name || alias === name;
  return Object.entries(options).find(has)?.[0];
}
