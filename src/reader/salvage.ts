import { ofFile, type WarningParts } from "../warnings.js";

/** The warning about pages that the headers promise but the file lacks. `first` is a pfn. */
export function missingPages(file: string, first: number): WarningParts {
  return ofFile(file, `pages that are not in the file, the first at pfn 0x${first.toString(16)}; they are left out`);
}
