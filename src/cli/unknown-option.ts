import { DumpError } from "../errors.js";
import { nearestName } from "../nearest-name.js";
import { COMMAND_NAMES, type CommandName } from "./options/option.js";
import { shown } from "./options/parse-values.js";
import { OPTIONS, optionsOf } from "./options/table.js";

/**
 * The error for options that a command does not have: why, which other commands have them, or what the user may have
 * meant.
 */
export function unknownOptions(names: readonly string[], command: CommandName): DumpError {
  // yargs lists names with dashes a second time, in camel case.
  const written = names.filter((name) => name.length === 1 || !/[A-Z]/.test(name));
  const [first = ""] = written.length === 0 ? names : written;
  const named = (written.length === 0 ? names : written).map(dashed).join(", ");
  const same = OPTIONS.filter(({ name, letter }) => name === first || letter === first);
  const reason = same.find(({ refused }) => refused?.[command] !== undefined)?.refused?.[command];
  const cure = `\`coresieve help ${command}\` lists its options`;
  if (reason !== undefined) {
    return new DumpError("BAD_OPTION", `${command} has no option ${named}: ${reason}`, { cure });
  }
  if (same.length > 0) {
    const having = COMMAND_NAMES.filter((one) => same.some(({ commands }) => commands.includes(one)));
    return new DumpError(
      "BAD_OPTION",
      `${command} has no option ${named}; ${having.join(", ")} ${having.length === 1 ? "has" : "have"} it`,
      { cure },
    );
  }
  const nearest = nearestName(first, [...optionsOf(command).keys(), "help", "version"]);
  const list =
    command === "filter" ? "`coresieve --help` lists the options" : `\`coresieve help ${command}\` lists them`;
  return new DumpError("BAD_OPTION", `unknown option ${named}`, {
    cure: nearest === undefined ? list : `Did you mean --${nearest}? ${list}`,
  });
}

/** The option as users write it. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${shown(name)}`;
}
