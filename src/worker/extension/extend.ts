import { Console } from "node:console";
import { isMainThread } from "node:worker_threads";
import { DumpError } from "../../errors.js";
import { EXTENSION, HWPOISON, KEPT, KEPT_FROM, NO_STRUCT_PAGE, OFFLINE } from "../../filter/page-classes.js";
import { type DumpedKernel, dumpedKernel } from "../../kernel/dumped-kernel.js";
import { kernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace } from "../../kernel/kernel-view.js";
import { foreignReason } from "../../option-words.js";
import { clearBits, findBit, type PageBitmap, setBits, testBit } from "../../reader/bitmap.js";

import { pageByte } from "../../reader/page-bytes.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";

import { sideFileOfImage } from "../../reader/source/side-file.js";
import { parseVmcoreinfo } from "../../reader/vmcoreinfo.js";
import { Warnings } from "../../warnings.js";
import type { ExtendResult, ExtendTask, ScanContext } from "../tasks.js";
import type { FilterExtension } from "./extension.js";
import { CURE, type ExtensionContext, type ExtensionKernel } from "./extension-context.js";
import { ShownPage, type StructPages } from "./page.js";

/** An extension that one thread has loaded for one run. */
export interface ExtendState {
  readonly context: ExtensionContext;
  readonly decide: FilterExtension["decide"];
  readonly page: ShownPage;
  readonly kept: PageBitmap;
}

/** Loads the module and calls its `prepare`. Throws `EXTENSION` if that fails. */
export async function extendState(
  dump: PhysicalMemory,
  pageSize: number,
  kept: PageBitmap,
  scan: ScanContext | undefined,
  context: ExtensionContext,
): Promise<ExtendState> {
  const opened = scan && context.kernel && openKernel(dump, pageSize, scan, context.kernel);
  // Text that an extension prints must not get into a dump that goes to stdout. Only extensions print in this thread.
  if (!isMainThread) globalThis.console = new Console(process.stderr, process.stderr);
  const module = await guard(
    context,
    "cannot be loaded",
    () => import(context.url) as Promise<Partial<FilterExtension>>,
  );
  const { decide, prepare } = module;
  if (typeof decide !== "function") {
    throw new DumpError("EXTENSION", "exports no function `decide`", { file: context.name, cure: CURE });
  }
  if (prepare !== undefined)
    await guard(context, "failed in prepare", async () => prepare(opened?.kernel, context.settings));
  return { context, decide, kept, page: new ShownPage(dump, pageSize, opened?.structs) };
}

async function guard<T>({ name }: ExtensionContext, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new DumpError("EXTENSION", `${what}: ${wordsOf(error)}`, { file: name, cure: CURE, cause: error });
  }
}

/**
 * One line about a value that an extension threw or returned. It may be anything; for a value that cannot be printed
 * the line has its type.
 */
function wordsOf(value: unknown, print: (value: unknown) => string | undefined = String): string {
  try {
    return foreignReason((print(value) ?? String(value)).replaceAll(/\s+/g, " ").slice(0, 200));
  } catch {
    return `a value of type ${typeof value}`;
  }
}

function openKernel(
  dump: PhysicalMemory,
  pageSize: number,
  scan: ScanContext,
  { utsname, vmcoreinfo, machine, lowestAddress, vmlinux }: ExtensionKernel,
): { kernel: DumpedKernel; structs: StructPages } {
  const info = parseVmcoreinfo(vmcoreinfo, new Warnings());
  const space = attachSpace(scan.space, dump);
  const memory = kernelMemory(info, machine, pageSize, space, dump, lowestAddress);
  return {
    kernel: dumpedKernel({
      ...{ utsname, memory, space, physical: dump },
      vmlinux: typeof vmlinux === "object" ? sideFileOfImage(vmlinux) : vmlinux,
    }),
    structs: { space, memMap: scan.memMap, layout: scan.pageLayout, memory },
  };
}

/**
 * Shows the pages of a range to the extension and carries out its decisions. Costs 0.12 microseconds a page; 0.25 if it
 * reads the flags, 1 if it reads the struct page of a compound page's first page (a dump of 5 GiB). Throws `EXTENSION`,
 * with file and pfn, if the extension throws or returns something invalid.
 */
export function extendPages(
  { context, decide, page, kept }: ExtendState,
  { startPfn, endPfn }: ExtendTask,
): ExtendResult {
  const { present, classes, privacy } = context;
  const result = { dropped: 0, refused: 0, kept: new Array<number>(EXTENSION).fill(0) };
  for (
    let pfn = findBit(present, startPfn, endPfn, true);
    pfn < endPfn;
    pfn = findBit(present, pfn + 1, endPfn, true)
  ) {
    const isKept = testBit(kept, pfn);
    const known = pageByte(classes, pfn);
    // Only --privacy drops pages without a class: those whose struct page cannot be read.
    const number = isKept ? KEPT : known === KEPT || known >= KEPT_FROM ? NO_STRUCT_PAGE : known;
    page.pfn = pfn;
    page.classNumber = number;
    const decision = ask(context, decide, page);
    if (decision === "drop" && isKept) {
      clearBits(kept, pfn, pfn + 1);
      result.dropped++;
    } else if (decision === "keep" && !isKept) {
      if (privacy || number === HWPOISON || number === OFFLINE) result.refused++;
      else {
        setBits(kept, pfn, pfn + 1);
        result.kept[number] = (result.kept[number] as number) + 1;
      }
    }
  }
  return result;
}

function ask({ name }: ExtensionContext, decide: FilterExtension["decide"], page: ShownPage): unknown {
  let decision: unknown;
  const where = page.pfn;
  try {
    decision = decide(page);
  } catch (error) {
    throw new DumpError("EXTENSION", `failed at pfn ${where} (0x${where.toString(16)}): ${wordsOf(error)}`, {
      file: name,
      cure: CURE,
      cause: error,
    });
  }
  if (decision === undefined || decision === "keep" || decision === "drop") return decision;
  const answer = decision instanceof Promise ? "a promise" : wordsOf(decision, JSON.stringify).slice(0, 60);
  throw new DumpError("EXTENSION", `answered ${answer} at pfn ${where}, which is not "keep", "drop" or undefined`, {
    file: name,
    cure: CURE,
  });
}
