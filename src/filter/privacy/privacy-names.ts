import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";

/** What `--privacy-extra` has names for. */
export const PRIVACY_EXTRAS = ["registers", "tty", "log", "host"] as const;

/** One of `PRIVACY_EXTRAS`. */
export type PrivacyExtra = (typeof PRIVACY_EXTRAS)[number];

/** Throws `BAD_OPTION` for a name that is none. */
export function privacyExtras(names: readonly string[]): PrivacyExtra[] {
  return names.map((name) => {
    const found = PRIVACY_EXTRAS.find((one) => one === name);
    if (found !== undefined) return found;
    throw new DumpError(
      "BAD_OPTION",
      `${JSON.stringify(name)} is not something that ${OPTION.privacyExtra} overwrites`,
      {
        cure: `Names are ${PRIVACY_EXTRAS.join(", ")}, separated by commas`,
      },
    );
  });
}

/** What stays with `--privacy strict` although it is text, by the names that `--privacy-keep` has for it. */
export const PRIVACY_KEEPS = ["comm"] as const;

/** One of `PRIVACY_KEEPS`. */
export type PrivacyKeep = (typeof PRIVACY_KEEPS)[number];
