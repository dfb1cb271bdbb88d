import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DumpError, systemErrorCode } from "../../errors.js";
import { EXTENSION } from "../../filter/page-classes.js";
import type { PagePlan } from "../../filter/plan.js";
import type { KernelView } from "../../kernel/kernel-view.js";
import { foreignReason, OPTION } from "../../option-words.js";
import { copyOfBitmap } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import { sharedPageBytes } from "../../reader/page-bytes.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import { evenRanges } from "../chunks.js";
import { SCAN_PAGES } from "../classify-pages.js";
import { inOrder, type WorkerPool } from "../pool.js";
import type { ExtendResult } from "../tasks.js";
import type { ExtensionFile, ExtensionResult } from "./extension.js";
import { CURE, type ExtensionContext } from "./extension-context.js";

/** An extension's part in a run. Takes one bit and one byte of memory per page, 288 MiB per TiB. */
export interface ExtensionRun {
  readonly context: ExtensionContext;
  /** Loads it in one thread before all other work, so that its errors are reported at once. */
  begin(pool: WorkerPool): Promise<void>;
  /** Lets it decide about all pages, after they got their classes. */
  decide(pool: WorkerPool, done: (pfn: number) => void): Promise<ExtensionResult>;
}

/** Prepares an extension's part. Throws `NOT_READABLE` if the file does not exist. */
export function extensionRun(
  { path, settings }: ExtensionFile,
  dump: Dump,
  view: KernelView | undefined,
  plan: PagePlan,
  options: { readonly privacy?: boolean | "strict"; readonly vmlinux?: GivenFile },
): ExtensionRun {
  const url = typeof path === "string" ? pathToFileURL(resolve(path)) : path;
  const name = typeof path === "string" ? path : path.href;
  const found = url.protocol === "file:" ? statSync(fileURLToPath(url), { throwIfNoEntry: false }) : "elsewhere";
  // A thread that loads a FIFO as a module cannot even be stopped.
  if (found === undefined || (found !== "elsewhere" && !found.isFile())) {
    throw new DumpError("NOT_READABLE", found === undefined ? "is not there" : "is not a regular file", {
      file: name,
      cure: `Name a JavaScript module as ${OPTION.extension}`,
    });
  }
  const info = dump.vmcoreinfo;
  const context: ExtensionContext = {
    ...{ url: url.href, name, settings },
    present: copyOfBitmap(plan.kept),
    classes: sharedPageBytes(plan.kept.stretches),
    privacy: Boolean(options.privacy),
    kernel: view &&
      info && {
        utsname: view.utsname,
        vmcoreinfo: info.text,
        machine: dump.machine,
        lowestAddress: view.lowestAddress,
        // As plain data: an unpacked file or an object has no path by which a thread could open it.
        vmlinux:
          typeof options.vmlinux === "object" ? (options.vmlinux.image ?? options.vmlinux.name) : options.vmlinux,
      },
  };
  return {
    context,
    async begin(pool) {
      await pool.extend({ startPfn: 0, endPfn: 0 });
    },
    async decide(pool, done) {
      const sum = { file: name, dropped: 0, kept: 0, refused: 0 };
      const run = async (range: PfnRange) => ({
        result: await pool.extend(range),
        endPfn: range.endPfn,
      });
      for await (const { result, endPfn } of inOrder(
        evenRanges(plan.kept, plan.maxMapnr, SCAN_PAGES),
        run,
        pool.inFlight,
      )) {
        take(result, plan.dropped);
        sum.dropped += result.dropped;
        sum.kept += result.kept.reduce((a, b) => a + b, 0);
        sum.refused += result.refused;
        done(endPfn);
      }
      return sum;
    },
  };
}

/**
 * The error of a run with an extension. If a thread ends in which it runs, or ran, most likely the extension ended it:
 * by process.exit, by a promise that is rejected while pages are written, by changing the language's own objects.
 */
export function blamedOnExtension(error: unknown, { path }: ExtensionFile): unknown {
  const failed = error instanceof DumpError && error.code === "WORKER_FAILED" ? error.cause : undefined;
  if (failed === undefined || systemErrorCode(failed) === "ERR_WORKER_OUT_OF_MEMORY") return error;
  return new DumpError("EXTENSION", `the thread in which it runs has ended: ${foreignReason(failed)}`, {
    file: typeof path === "string" ? path : path.href,
    cure: CURE,
    cause: failed,
  });
}

function take({ dropped, kept }: ExtendResult, counts: number[]): void {
  counts[EXTENSION] = (counts[EXTENSION] as number) + dropped;
  for (let i = 0; i < kept.length; i++) counts[i] = (counts[i] as number) - (kept[i] as number);
}
