import { DumpError } from "../errors.js";
import { holdObject } from "../reader/source/side-file.js";
import { isStorePath } from "../store/store-url.js";

/** Options that name a file which is read beside the dump. */
const READ = new Set(["vmlinux", "vmcoreinfo", "vmcoreinfo-device", "erase", "secrets"]);

/** Options that name what can be on this machine only, and what to do about an object. */
const LOCAL: Readonly<Record<string, string>> = {
  extension: "Fetch the module to a file, and name that",
  "spool-dir": "Name a folder of this machine: the file there is temporary",
  folder: "Name a folder of this machine: the files there are temporary",
  to: "Leave it away: a store does not tell how much room it has",
};

/**
 * Opens the objects that the options of a command line name beside the dump, for as long as the program runs. `values` are by long names, with hyphens or as
 * yargs has them for programs. Throws `BAD_OPTION` for
 * options that take no object, and what `openObject` does.
 */
export async function holdStoreOptions(values: Readonly<Record<string, unknown>>): Promise<void> {
  const read = new Set<string>();
  for (const [key, value] of Object.entries(values)) {
    if (typeof value !== "string" || !isStorePath(value)) continue;
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const cure = LOCAL[name];
    if (cure !== undefined) {
      throw new DumpError("BAD_OPTION", `--${name} takes no object of a store`, { file: value, cure });
    }
    if (READ.has(name)) read.add(value);
  }
  for (const path of read) await holdObject(path);
}
