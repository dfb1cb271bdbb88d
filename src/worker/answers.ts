import { DumpError, plainDumpError } from "../errors.js";
import { attachMemory, attachStrictMemory } from "../reader/open.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import { surroundingsError } from "../surroundings.js";
import { type CheckState, checkPages, checkState } from "./check.js";
import { type CompareState, comparePages, compareState } from "./compare.js";
import { dropZeroPages, type EncodeState, encodePages, encodeState } from "./encode.js";
import { type ExtendState, extendPages, extendState } from "./extension/extend.js";
import { type ScanState, scanPages, scanState } from "./scan.js";
import { type SearchState, searchState, searchTexts } from "./search-texts.js";
import type {
  Answer,
  CheckResult,
  CheckTask,
  CompareResult,
  CompareTask,
  EncodeResult,
  EncodeTask,
  ExtendResult,
  ExtendTask,
  Request,
  ScanResult,
  ScanTask,
  SearchResult,
  SearchTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";

// What a worker thread does for each kind of task.

/** What this thread has made of the context it works with: of one run at a time. */
interface Attached {
  readonly context: WorkerContext;
  readonly dump: PhysicalMemory;
  scanState: ScanState | undefined;
  encodeState: EncodeState | undefined;
  checkState: CheckState | undefined;
  compareState: CompareState | undefined;
  searchState: SearchState | undefined;
  /** Loading takes a while, and the next task may come meanwhile. */
  extendState: Promise<ExtendState> | undefined;
}

let attached: Attached | undefined;

/** Does nothing: the first task of a thread, with which this file is loaded. */
export function start(): void {}

export function scan(request: Request<ScanTask>): Answer<ScanResult> {
  return answer(request, (here, task) => scanPages(scanStateOf(here), task));
}

export function zeros(request: Request<ZeroTask>): Answer<ZeroResult> {
  return answer(request, (here, task) => dropZeroPages(encodeStateOf(here), task));
}

export function encode(request: Request<EncodeTask>): Answer<EncodeResult> {
  return answer(request, (here, task) => encodePages(encodeStateOf(here), task));
}

export function check(request: Request<CheckTask>): Answer<CheckResult> {
  return answer(request, (here, task) => checkPages(checkStateOf(here), task));
}

export function compare(request: Request<CompareTask>): Answer<CompareResult> {
  return answer(request, (here, task) => comparePages(compareStateOf(here), task));
}

export function search(request: Request<SearchTask>): Answer<SearchResult> {
  return answer(request, (here, task) => searchTexts(searchStateOf(here), task));
}

export async function extend({ contextId, context, task }: Request<ExtendTask>): Promise<Answer<ExtendResult>> {
  try {
    const here = attach(contextId, context);
    if (here === undefined) return { needsContext: true };
    here.extendState ??= loadExtension(here);
    const state = await here.extendState;
    if (Atomics.load(here.context.ended, 0) !== 0) throw new DumpError("ABORTED", "the run has ended");
    return { result: extendPages(state, task) };
  } catch (error) {
    return failure(error);
  }
}

function answer<T, R>({ contextId, context, task }: Request<T>, work: (here: Attached, task: T) => R): Answer<R> {
  try {
    const here = attach(contextId, context);
    return here === undefined ? { needsContext: true } : { result: work(here, task) };
  } catch (error) {
    return failure(error);
  }
}

/** What this thread has of a run; `undefined` if it must be told first. Throws `ABORTED`. */
function attach(contextId: number, context: WorkerContext | undefined): Attached | undefined {
  if (attached?.context.id !== contextId) {
    if (context === undefined) return undefined;
    attached?.scanState?.classifier.end();
    attached = {
      context,
      dump: attachMemory(context.image),
      scanState: undefined,
      encodeState: undefined,
      checkState: undefined,
      compareState: undefined,
      searchState: undefined,
      extendState: undefined,
    };
  }
  if (Atomics.load(attached.context.ended, 0) !== 0) throw new DumpError("ABORTED", "the run has ended");
  return attached;
}

function failure<R>(error: unknown): Answer<R> {
  const known = error instanceof DumpError ? error : surroundingsError(error);
  if (known !== undefined) return { failure: plainDumpError(known) };
  throw error;
}

function loadExtension({ context, dump }: Attached): Promise<ExtendState> {
  const { pageSize, kept, kernel, extension } = context;
  if (extension === undefined) throw new Error("an extend task came in a run without extension");
  return extendState(dump, pageSize, kept, kernel, extension);
}

function scanStateOf(here: Attached): ScanState {
  const { pageSize, kept, kernel } = here.context;
  if (kernel === undefined) throw new Error("a scan task came in a run without kernel");
  here.scanState ??= scanState(here.dump, pageSize, kept, kernel);
  return here.scanState;
}

function checkStateOf(here: Attached): CheckState {
  const { image, kept, pageSize } = here.context;
  here.checkState ??= checkState(attachStrictMemory(image), kept, pageSize);
  return here.checkState;
}

function compareStateOf(here: Attached): CompareState {
  const { image, other, kept, pageSize, fills } = here.context;
  if (other === undefined) throw new Error("a compare task came in a run with one dump");
  here.compareState ??= compareState(attachStrictMemory(image), attachStrictMemory(other), kept, pageSize, fills);
  return here.compareState;
}

function searchStateOf(here: Attached): SearchState {
  const { image, kept, pageSize, search: texts } = here.context;
  if (texts === undefined) throw new Error("a search task came in a run without texts");
  here.searchState ??= searchState(attachStrictMemory(image), pageSize, kept, texts);
  return here.searchState;
}

function encodeStateOf(here: Attached): EncodeState {
  here.encodeState ??= encodeState(here.context);
  return here.encodeState;
}
