import { DumpError, plainDumpError } from "../errors.js";
import { attachMemory, attachStrictMemory } from "../reader/attach.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import { collectGarbage } from "../store/collect-garbage.js";
import { changed } from "../store/wait-async.js";
import { surroundingsError } from "../surroundings.js";
import { dropZeroPages, encodePages, encodeState } from "./encode.js";
import { scanPages, scanState } from "./scan.js";
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

// What a worker thread does for each kind of task. Code for tasks that most runs do not have is loaded with the first
// such task.

/** What this thread has made from the context of a run. A thread works for one run at a time. */
interface Attached {
  readonly context: WorkerContext;
  readonly dump: PhysicalMemory;
  /**
   * States, by the functions that make them. Making one may take a while, and the next task may arrive meanwhile, so
   * promises are stored.
   */
  readonly made: Map<unknown, Promise<unknown>>;
  /** Releases what a state holds. */
  end: (() => void) | undefined;
}

let attached: Attached | undefined;

/** Does nothing. It is the first task of a thread, which loads this file. */
export function start(): void {}

export function scan(request: Request<ScanTask>): Promise<Answer<ScanResult>> {
  return answer(request, scanStateOf, async (state, task) => scanPages(state, task));
}

export function zeros(request: Request<ZeroTask>): Promise<Answer<ZeroResult>> {
  return answer(request, encodeStateOf, async (state, task) => dropZeroPages(state, task));
}

export function encode(request: Request<EncodeTask>): Promise<Answer<EncodeResult>> {
  return answer(request, encodeStateOf, async (state, task) => encodePages(state, task));
}

export function check(request: Request<CheckTask>): Promise<Answer<CheckResult>> {
  return answer(request, checkStateOf, async (state, task) => (await import("./check.js")).checkPages(state, task));
}

export function compare(request: Request<CompareTask>): Promise<Answer<CompareResult>> {
  return answer(request, compareStateOf, async (state, task) =>
    (await import("./compare.js")).comparePages(state, task),
  );
}

export function search(request: Request<SearchTask>): Promise<Answer<SearchResult>> {
  return answer(request, searchStateOf, async (state, task) =>
    (await import("./search-texts.js")).searchTexts(state, task),
  );
}

export function extend(request: Request<ExtendTask>): Promise<Answer<ExtendResult>> {
  return answer(request, extendStateOf, async (state, task) =>
    (await import("./extension/extend.js")).extendPages(state, task),
  );
}

async function answer<T, S, R>(
  { contextId, context, task }: Request<T>,
  make: (here: Attached) => Promise<S>,
  work: (state: S, task: T) => Promise<R>,
): Promise<Answer<R>> {
  try {
    const here = attach(contextId, context);
    if (here === undefined) return { needsContext: true };
    const state = here.made.get(make) ?? make(here);
    here.made.set(make, state);
    const ready = (await state) as S;
    throwIfEnded(here);
    return { result: await work(ready, task) };
  } catch (error) {
    const known = error instanceof DumpError ? error : surroundingsError(error);
    if (known !== undefined) return { failure: plainDumpError(known) };
    throw error;
  }
}

/** What this thread has of a run; `undefined` if it needs the context first. Throws `ABORTED`. */
function attach(contextId: number, context: WorkerContext | undefined): Attached | undefined {
  if (attached?.context.id !== contextId) {
    if (context === undefined) return undefined;
    attached?.end?.();
    attached = { context, dump: attachMemory(context.image), made: new Map(), end: undefined };
    void changed(context.ended, 0, 0).then(() => forget(contextId));
  }
  throwIfEnded(attached);
  return attached;
}

/** Lets go what this thread has of a run that has ended: the next one may come in hours, or be of another size. */
function forget(contextId: number): void {
  if (attached?.context.id !== contextId) return;
  const { length } = attached.context.kept.bytes;
  attached.end?.();
  attached = undefined;
  // When nothing of the call is left that looked at it.
  setImmediate(() => collectGarbage(length));
}

function throwIfEnded({ context }: Attached): void {
  if (Atomics.load(context.ended, 0) !== 0) throw new DumpError("ABORTED", "the run has ended");
}

async function scanStateOf(here: Attached) {
  const { pageSize, kept, kernel } = here.context;
  if (kernel === undefined) throw new Error("a scan task came in a run without kernel");
  const state = scanState(here.dump, pageSize, kept, kernel);
  here.end = () => state.classifier.end();
  return state;
}

const encodeStateOf = ({ context }: Attached) => encodeState(context);

async function checkStateOf({ context: { image, kept, pageSize } }: Attached) {
  const { checkState } = await import("./check.js");
  return checkState(attachStrictMemory(image), kept, pageSize);
}

async function compareStateOf({ context }: Attached) {
  const { image, other, kept, pageSize, fills } = context;
  if (other === undefined) throw new Error("a compare task came in a run with one dump");
  const { compareState } = await import("./compare.js");
  return compareState(attachStrictMemory(image), attachStrictMemory(other), kept, pageSize, fills);
}

async function searchStateOf({ context }: Attached) {
  const { image, kept, pageSize, search: texts } = context;
  if (texts === undefined) throw new Error("a search task came in a run without texts");
  const { searchState } = await import("./search-texts.js");
  return searchState(attachStrictMemory(image), pageSize, kept, texts);
}

async function extendStateOf({ context, dump }: Attached) {
  const { pageSize, kept, kernel, extension } = context;
  if (extension === undefined) throw new Error("an extend task came in a run without extension");
  const { extendState } = await import("./extension/extend.js");
  return extendState(dump, pageSize, kept, kernel, extension);
}
