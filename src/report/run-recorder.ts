import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import type { Dump } from "../reader/dump.js";
import { notedCpus } from "../run/cpu-notes.js";
import type { FilterProgress, FilterResult, WholeFilterOptions } from "../run/filter-dump.js";
import type { RunObserver } from "../worker/run-observer.js";
import { type MemoryPlace, memoryPlaces } from "./memory-places.js";
import { PageCollector } from "./page-collector.js";
import { fileNames, kindRows, type LogTail, machineFacts, type ReportData } from "./report-data.js";
import { StageClock } from "./stage-clock.js";

const STAGES: Readonly<Record<FilterProgress["phase"], string>> = {
  find: "Search memory for the kernel",
  classify: "Classify pages",
  extend: "Asking the extension",
  zero: "Look for zero pages",
  check: "Read all pages of a damaged input",
  search: "Search texts to erase",
  write: "Compress and write",
};

const PREPARE = "Open, find the kernel, lay out the file";
const REPORT = "This report";

/** Records what a filter run does, for a report about it. */
export class RunRecorder implements RunObserver {
  readonly #clock = new StageClock();
  #phase: FilterProgress["phase"] | undefined;
  #dump: Dump | undefined;
  #view: KernelView | undefined;
  #plan: PagePlan | undefined;
  #collector: PageCollector | undefined;
  #places: readonly MemoryPlace[] = [];

  /** Must get the run's progress. */
  progress({ phase, done }: FilterProgress): void {
    this.#clock.passed(phase !== this.#phase && done === 0 ? PREPARE : STAGES[phase]);
    this.#phase = phase;
  }

  begin(dump: Dump, view: KernelView | undefined, plan: PagePlan): void {
    this.#clock.passed(PREPARE);
    this.#dump = dump;
    this.#view = view;
    this.#plan = plan;
    this.#places = view === undefined ? [] : memoryPlaces(dump, view);
    this.#collector = new PageCollector(dump, view);
    this.#clock.passed(REPORT);
  }

  pages(startPfn: number, endPfn: number, records: Uint32Array): void {
    this.#clock.passed(STAGES.write);
    this.#collector?.advance(startPfn, undefined);
    this.#collector?.advance(endPfn, this.#plan?.kept, records);
    this.#clock.passed(REPORT);
  }

  /**
   * The data after a successful run. `log` is left out of reports of runs with privacy or erase rules, because those
   * are for others. Throws if the run has not called the observer.
   */
  data(
    options: WholeFilterOptions,
    result: FilterResult,
    log: LogTail,
    version: string,
    output: string,
    seconds: number,
  ): ReportData {
    const [dump, collector] = [this.#dump, this.#collector];
    if (dump === undefined || collector === undefined) throw new Error("the run had no observer");
    this.#clock.passed("Finish the file");
    const map = collector.finish();
    this.#clock.passed(REPORT);
    const stripped = Boolean(options.privacy) || options.erase !== undefined;
    const view = this.#view;
    return {
      version,
      made: new Date(),
      files: fileNames(dump.paths),
      description: dump.header.description,
      inputBytes: result.inputBytes,
      pageSize: dump.pageSize,
      machine: machineFacts(dump, view?.utsname, view?.memMap.model, !stripped, notedCpus(dump)),
      map,
      places: this.#places,
      kinds: kindRows(collector.sums),
      run: {
        output: fileNames([output])[0] ?? output,
        outputBytes: result.outputBytes,
        format: options.format,
        codec: options.codec.name,
        level: result.level,
        privacy: Boolean(options.privacy),
        incomplete: result.incomplete,
        sharedBytes: result.shared?.bytes ?? 0,
        classes: result.classes,
        seconds,
        stages: this.#clock.stages,
      },
      log: stripped
        ? {
            lines: [],
            before: 0,
            missing: "left out: this run took data out of the dump, and the log may have some of them",
          }
        : log,
      warnings: result.warnings,
    };
  }
}
