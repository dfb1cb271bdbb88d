import { DumpError } from "../errors.js";
import { isStorePath } from "../store/store-url.js";
import type { CommandName } from "./options/option.js";
import type { OptionWords } from "./options/parse-values.js";
import { optionsOf } from "./options/table.js";

/** Throws `BAD_OPTION` for an option whose value names an object of a store although the option does not accept one. */
export function checkStoreOptions(command: CommandName, words: OptionWords): void {
  for (const [name, { object }] of optionsOf(command)) {
    const word = words[name];
    if (object === undefined || object === "read" || typeof word !== "string" || !isStorePath(word)) continue;
    throw new DumpError("BAD_OPTION", `--${name} cannot be an object of a store`, { file: word, cure: object.cure });
  }
}
