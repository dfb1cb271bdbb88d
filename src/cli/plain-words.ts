import type { Command } from "./command.js";

/**
 * Reads a command line of files, flags, and options with their value behind them, each option once and under its whole
 * name or its letter. `undefined` for any other, which is yargs' to read or to refuse: loading it takes 20 ms of CPU,
 * more than finding the kernel. Returns the values by their names in camel case, and the files as `_`, as yargs does.
 */
export function plainWords(
  { options }: Pick<Command, "options">,
  argv: readonly string[],
): ({ _: string[] } & Record<string, unknown>) | undefined {
  const names = new Map<string, string>();
  const given = new Set<string>();
  const files: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { alias, default: value }] of Object.entries(options)) {
    names.set(`--${name}`, name);
    if (typeof alias === "string") names.set(`-${alias}`, name);
    if (value !== undefined) values[camelCase(name)] = value;
  }
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (!word.startsWith("-")) {
      files.push(word);
      continue;
    }
    const name = names.get(word);
    const option = options[name ?? ""];
    if (name === undefined || option === undefined || option.array === true || given.has(name)) return undefined;
    given.add(name);
    const next = argv[i + 1];
    if (option.type === "boolean") {
      if (next === "true" || next === "false") return undefined;
      values[camelCase(name)] = true;
    } else {
      // Yargs takes quotation marks off.
      if (option.type !== "string" || !next || /^[-"']/.test(next)) return undefined;
      values[camelCase(name)] = next;
      i++;
    }
  }
  return { ...values, _: files };
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
