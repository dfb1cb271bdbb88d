import type { CommandName, Option } from "./options/option.js";
import type { OptionWords } from "./options/parse-values.js";
import { optionsOf } from "./options/table.js";

/**
 * Parses a simple command line: files, flags, and options followed by their value, each option once and with its full
 * name or its letter. `undefined` for any other, which yargs must parse or refuse: loading yargs takes 20 ms of CPU,
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
      // yargs removes quotation marks, so such words are left to it.
      if (!next || /^[-"']/.test(next)) return undefined;
      words[option.name] = next;
      i++;
    }
  }
  return { words, files };
}
