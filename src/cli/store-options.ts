import { DumpError } from "../errors.js";
import { holdObject } from "../reader/source/side-file.js";
import { isStorePath } from "../store/store-url.js";
import type { CommandName } from "./options/option.js";
import type { OptionWords } from "./options/parse-values.js";
import { optionsOf } from "./options/table.js";

/**
 * Opens the objects that the options of a command line name beside the dump, for as long as the program runs. Throws `BAD_OPTION`
 * for options that take no object, and what `openObject` does.
 */
export async function holdStoreOptions(command: CommandName, words: OptionWords): Promise<void> {
  const read = new Set<string>();
  for (const [name, { object }] of optionsOf(command)) {
    const word = words[name];
    if (object === undefined || typeof word !== "string" || !isStorePath(word)) continue;
    if (object !== "read") {
      throw new DumpError("BAD_OPTION", `--${name} takes no object of a store`, { file: word, cure: object.cure });
    }
    read.add(word);
  }
  for (const path of read) await holdObject(path);
}
