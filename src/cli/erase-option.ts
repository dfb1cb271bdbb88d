import type { EraseFile } from "../filter/erase/parse-rules.js";
import { readSideFile } from "../reader/source/side-file.js";

export interface EraseArguments {
  readonly erase: string | undefined;
}

/** The rules file of `--erase FILE`. Throws `NOT_READABLE`. */
export async function eraseFile({ erase: name }: EraseArguments): Promise<EraseFile | undefined> {
  if (name === undefined) return undefined;
  const { MAX_ERASE_FILE } = await import("../filter/erase/parse-rules.js");
  return { name, text: (await readSideFile(name, MAX_ERASE_FILE)).toString("utf8") };
}
