/** The tables of options in docs/command-line.md: scripts/man.mjs writes them, a test compares them. */
import { INPUT_OPTIONS, KERNEL_OPTIONS } from "../../src/cli/options/input.js";
import { COMMAND_NAMES, type Option } from "../../src/cli/options/option.js";
import { GENERAL_OPTIONS, OPTIONS, optionsOf } from "../../src/cli/options/table.js";

/** What all commands that open a dump have. */
const INPUT = new Set([...INPUT_OPTIONS, ...KERNEL_OPTIONS].map(({ name }) => `\`--${name}\``));
const OF_INPUT = "those of the input (`--raw` to `--salvage`, `--vmcoreinfo` to `--vmcoreinfo-at`)";

const BEGIN = (table: string) => `<!-- options: ${table}, made by npm run man -->`;
const END = "<!-- end of options -->";

/** The page with its tables made anew. Throws if it has not the marks of each. */
export function withOptionTables(page: string): string {
  const filter = [...optionsOf("filter").values()];
  const others = OPTIONS.filter(({ commands }) => !commands.includes("filter"));
  const shared = OPTIONS.filter((option) => option.commands.includes("filter"));
  let made = replaced(page, "filter", [
    ...["| option | meaning |", "|---|---|"],
    ...[...filter, ...(GENERAL_OPTIONS as readonly Option[])].map((option) => row(option, [])),
  ]);
  made = replaced(made, "other commands", [
    ...["| option | with | meaning |", "|---|---|---|"],
    ...others.map((option) => row(option, [option.commands.map((name) => `\`${name}\``).join(", ")])),
  ]);
  return replaced(made, "commands", [
    ...["| command | options that a filter run has too |", "|---|---|"],
    ...COMMAND_NAMES.filter((name) => name !== "filter").flatMap((name) => {
      const all = shared.filter(({ commands }) => commands.includes(name)).map((option) => `\`--${option.name}\``);
      const input = all.filter((option) => INPUT.has(option));
      const own = [...(input.length > 0 ? [OF_INPUT] : []), ...all.filter((option) => !INPUT.has(option))];
      return own.length === 0 ? [] : [`| \`${name}\` | ${own.join(", ")} |`];
    }),
  ]);
}

function row(option: Option, more: readonly string[]): string {
  const { name, letter, help, see } = option;
  const long = option.long ?? help.charAt(0).toUpperCase() + help.slice(1);
  const value = option.kind === "flag" ? "" : ` ${option.value}`;
  const names = [...(letter === undefined ? [] : [`\`-${letter}${value}\``]), `\`--${name}${value}\``].join(", ");
  const meaning = `${long}${see === undefined ? "" : ` ${see}`}`;
  return `| ${[names, ...more, meaning].join(" | ")} |`;
}

function replaced(page: string, table: string, lines: readonly string[]): string {
  const begin = page.indexOf(BEGIN(table));
  const end = page.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`the page has no place for the options: ${table}`);
  return `${page.slice(0, begin)}${BEGIN(table)}\n${lines.join("\n")}\n${page.slice(end)}`;
}
