import { DumpError, plainDumpError } from "../errors.js";
import type { PhysicalMemory } from "../reader/dump.js";
import { attachMemory } from "../reader/open.js";
import { createEncoder } from "./codec/encoder.js";
import { dropZeroPages, type EncodeState, encodePages } from "./encode.js";
import { loadKernel } from "./kernels/load.js";
import { scanPages } from "./scan.js";
import type {
  Answer,
  EncodeResult,
  EncodeTask,
  Request,
  ScanResult,
  ScanTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";

// The entry of a worker thread: piscina calls the exported functions by name.

/** What this thread has made of the context it works with: of one run at a time. */
interface Attached {
  readonly context: WorkerContext;
  readonly dump: PhysicalMemory;
  encodeState: EncodeState | undefined;
}

let attached: Attached | undefined;

export function scan(request: Request<ScanTask>): Answer<ScanResult> {
  return answer(request, ({ dump, context }, task) => scanPages(dump, context.pageSize, task));
}

export function zeros(request: Request<ZeroTask>): Answer<ZeroResult> {
  return answer(request, (here, task) => dropZeroPages(encodeState(here), task));
}

export function encode(request: Request<EncodeTask>): Answer<EncodeResult> {
  return answer(request, (here, task) => encodePages(encodeState(here), task));
}

function answer<T, R>({ contextId, context, task }: Request<T>, work: (here: Attached, task: T) => R): Answer<R> {
  try {
    if (attached?.context.id !== contextId) {
      if (context === undefined) return { needsContext: true };
      attached = { context, dump: attachMemory(context.image), encodeState: undefined };
    }
    return { result: work(attached, task) };
  } catch (error) {
    if (error instanceof DumpError) return { failure: plainDumpError(error) };
    throw error;
  }
}

function encodeState(here: Attached): EncodeState {
  const { memory, layout, codec } = here.context;
  here.encodeState ??= {
    dump: here.dump,
    bytes: new Uint8Array(memory.buffer),
    layout,
    zero: loadKernel("zero", memory),
    encoder: createEncoder(codec, memory, layout),
  };
  return here.encodeState;
}
