import { type EraseFile, MAX_ERASE_FILE } from "../filter/erase/parse-rules.js";
import { readExactly } from "../reader/source/byte-source.js";
import { openSideFile } from "../reader/source/side-file.js";

export interface EraseArguments {
  readonly erase: string | undefined;
}

/** The rules file of `--erase FILE`. Throws `NOT_READABLE`. */
export function eraseFile({ erase: name }: EraseArguments): EraseFile | undefined {
  if (name === undefined) return undefined;
  const { source, close } = openSideFile(name);
  try {
    // One byte more than is allowed: the parser says that it is too much.
    const bytes = readExactly(source, 0, Math.min(source.size, MAX_ERASE_FILE + 1), "erase rules");
    return { name, text: Buffer.from(bytes).toString("utf8") };
  } finally {
    close();
  }
}
