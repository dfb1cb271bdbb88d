import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";

/** The names of `--privacy-extra`. */
export const PRIVACY_EXTRAS = ["registers", "tty", "log", "host"] as const;

/** One of `PRIVACY_EXTRAS`. */
export type PrivacyExtra = (typeof PRIVACY_EXTRAS)[number];

/** Throws `BAD_OPTION` for an unknown name. */
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

/** Names of `--privacy-keep`: text that is kept with `--privacy strict`. */
export const PRIVACY_KEEPS = ["comm"] as const;

/** One of `PRIVACY_KEEPS`. */
export type PrivacyKeep = (typeof PRIVACY_KEEPS)[number];
