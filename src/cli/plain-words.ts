import type { CommandName, Option } from "./options/option.js";
import type { OptionWords } from "./options/parse-values.js";
import { optionsOf } from "./options/table.js";

/**
 * Reads a command line of files, flags, and options with their value behind them, each option once and under its whole
 * name or its letter. `undefined` for any other, which is yargs' to read or to refuse: loading it takes 20 ms of CPU,
 * more than finding the kernel.
 */
export function plainWords(
  command: CommandName,
  argv: readonly string[],
): { readonly files: readonly string[]; readonly words: OptionWords } | undefined {
  const names = new Map<string, Option>();
  for (const option of optionsOf(command).values()) {
    names.set(`--${option.name}`, option);
    if (option.letter !== undefined) names.set(`-${option.letter}`, option);
  }
  const files: string[] = [];
  const words: Record<string, string | boolean> = {};
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (!word.startsWith("-")) {
      files.push(word);
      continue;
    }
    const option = names.get(word);
    if (option === undefined || "repeated" in option || Object.hasOwn(words, option.name)) return undefined;
    const next = argv[i + 1];
    if (option.kind === "flag") {
      if (next === "true" || next === "false") return undefined;
      words[option.name] = true;
    } else {
      // Yargs takes quotation marks off.
      if (!next || /^[-"']/.test(next)) return undefined;
      words[option.name] = next;
      i++;
    }
  }
  return { words, files };
}
