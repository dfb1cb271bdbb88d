import type { DumpError } from "../errors.js";

/** What went wrong, without the advice for those who do not salvage yet. */
export function withoutCure({ summary }: DumpError): string {
  return summary;
}

/** The warning about pages that the headers promise and the file does not have. `first` is a pfn. */
export function missingPages(file: string, first: number): string {
  return `${file}: pages that are not in the file, the first at pfn 0x${first.toString(16)}; they are left out`;
}
