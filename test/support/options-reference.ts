/** What is made in docs/command-line.md, tables of options and what else the source says: scripts/man.mjs writes it, a test compares it. */
import { readFileSync } from "node:fs";
import { HELP } from "../../src/cli/help.js";
import type { Option } from "../../src/cli/options/option.js";
import { GENERAL_OPTIONS, OPTIONS, optionsOf } from "../../src/cli/options/table.js";

const BEGIN = (table: string) => `<!-- options: ${table}, made by npm run man -->`;
const END = "<!-- end of options -->";

/** The page with its tables made anew. Throws if it has not the marks of each. `root`: the folder of the project. */
export function withOptionTables(page: string, root: URL): string {
  const filter = [...optionsOf("filter").values()];
  const others = OPTIONS.filter(({ commands }) => !commands.includes("filter"));
  const usages = HELP.split("\n").filter((line) => line.startsWith("  coresieve ") && / {2,}\S/.test(line.trim()));
  let made = replaced(
    page,
    "usage",
    usages.map((line) => `  ${line}`),
  );
  const findings = readFileSync(new URL("src/verify/findings.ts", root), "utf8");
  made = replaced(
    made,
    "findings",
    [...findings.matchAll(/^ \* (\|.*)$/gm)].map(([, line = ""]) => line),
  );
  made = replaced(made, "filter", [
    ...["| option | meaning |", "|---|---|"],
    ...[...filter, ...(GENERAL_OPTIONS as readonly Option[])].map((option) => row(option, [])),
  ]);
  return replaced(made, "other commands", [
    ...["| option | with | meaning |", "|---|---|---|"],
    ...others.map((option) => row(option, [option.commands.map((name) => `\`${name}\``).join(", ")])),
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
