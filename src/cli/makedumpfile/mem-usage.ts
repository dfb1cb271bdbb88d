import { codecOf } from "../../codec/codecs.js";
import { openInput } from "../../reader/open-input.js";
import { filterDump } from "../../run/filter-dump.js";
import { Warnings } from "../../warnings.js";
import { allPages } from "../report.js";
import type { MakedumpfileRequest } from "./arguments.js";
import { type DropInContext, givenKernel } from "./create.js";
import { sayWarnings } from "./say-warnings.js";

/** --mem-usage: prints the number of pages of each kind. Works for any dump; makedumpfile only supports /proc/kcore. */
export async function memUsage(request: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const { messages, threads, signal } = context;
  const warnings = new Warnings();
  const dump = await openInput(request.files.slice(0, 1), warnings, { signal: context.signal });
  try {
    const result = await filterDump(dump, {
      output: { discard: true, name: "nowhere" },
      ...{ level: 31, format: "kdump", codec: codecOf("none"), warnings, signal, ...(await givenKernel(request)) },
      ...(threads === undefined ? {} : { workers: threads }),
    });
    const { pageSize, filteredBefore } = result;
    const { original: pages, ...classes } = allPages(result);
    const row = (name: string, count: number, excludable: string, text: string) =>
      `${name}\t${String(count).padEnd(16)}\t${excludable}\t\t${text}`;
    messages.common(
      "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION",
      "-".repeat(70),
      row("ZERO\t", classes.zero, "yes", "Pages filled with zero"),
      row("NON_PRI_CACHE", classes.cache, "yes", "Cache pages without private flag"),
      row("PRI_CACHE", classes["cache-private"], "yes", "Cache pages with private flag"),
      row("USER\t", classes.user, "yes", "User process pages"),
      row("FREE\t", classes.free, "yes", "Free pages"),
      row("KERN_DATA", result.classes.kept + (filteredBefore?.classes.kept ?? 0), "no", "Dumpable kernel data "),
      "",
      `page size:\t\t${String(pageSize).padEnd(16)}`,
      `Total pages on system:\t${String(pages).padEnd(16)}`,
      `Total size on system:\t${String(pages * pageSize).padEnd(16)} Byte`,
    );
    sayWarnings(result.warnings, context);
    return true;
  } finally {
    dump.close();
  }
}
