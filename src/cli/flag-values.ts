import { DumpError } from "../errors.js";
import type { Option } from "./options/option.js";

/**
 * Refuses a flag with a value other than `true` or `false`. yargs takes all other values for `false`: `--privacy=yes`
 * would be a run without privacy, `-z9` a run without compression, and both would succeed. Throws `BAD_OPTION`.
 */
export function checkFlagValues(options: readonly Option[], argv: readonly string[]): void {
  const isFlag = new Map<string, boolean>();
  for (const { name, letter, kind } of options) {
    isFlag.set(name, kind === "flag");
    if (letter !== undefined) isFlag.set(letter, kind === "flag");
  }
  for (const word of argv) {
    if (word === "--") return;
    const long = /^--([^=]+)=(.*)$/s.exec(word);
    // yargs also accepts long names in camel case.
    const name = long?.[1]?.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name !== undefined && isFlag.get(name) === true) checkValue(`--${name}`, long?.[2] ?? "");
    if (/^-[^-]/.test(word)) checkLetters(isFlag, word.slice(1));
  }
}

/** Letters behind one dash: each is a flag, up to one that takes the rest as its value. */
function checkLetters(isFlag: ReadonlyMap<string, boolean>, letters: string): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] as string;
    if (isFlag.get(letter) !== true) return;
    const rest = letters.slice(i + 1);
    if (/^[^A-Za-z]/.test(rest)) {
      checkValue(`-${letter}`, rest.replace(/^=/, ""));
      return;
    }
  }
}

function checkValue(flag: string, value: string): void {
  if (value === "true" || value === "false") return;
  throw new DumpError("BAD_OPTION", `${flag} takes no value, but "${value}" was given`, {
    cure: `Write ${flag} alone, or leave it out`,
  });
}
