import type { Dump } from "../reader/dump.js";
import { collectReport, type ReportOptions } from "./collect-report.js";
import { renderReport } from "./render-report.js";

/**
 * The page that `coresieve report` writes about a dump, as the text of one HTML file: a picture of physical memory by
 * kinds of pages, what level 31 would keep, the kernel and the end of its log. A dump whose pages cannot be classified
 * gets a picture of its existing pages. Takes 64 MiB of memory per TiB of the dump. Throws `DumpError`s: `BAD_OPTION`,
 * `ABORTED`, and what reading throws.
 */
export async function reportDump(dump: Dump, options: ReportOptions = {}): Promise<string> {
  return renderReport(await collectReport(dump, options));
}
