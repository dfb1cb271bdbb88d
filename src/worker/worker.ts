import { workerData } from "node:worker_threads";
import { DumpError, plainDumpError } from "../errors.js";
import { attachMemory } from "../reader/open.js";
import { createEncoder } from "./codec/encoder.js";
import { dropZeroPages, type EncodeState, encodePages } from "./encode.js";
import { loadKernel } from "./kernels/load.js";
import { scanPages } from "./scan.js";
import type {
  Answer,
  EncodeResult,
  EncodeTask,
  ScanResult,
  ScanTask,
  WorkerContext,
  ZeroResult,
  ZeroTask,
} from "./tasks.js";

// The entry of a worker thread: piscina calls the exported functions by name.

const context = workerData as WorkerContext;
const dump = attachMemory(context.image);
let state: EncodeState | undefined;

function encodeState(): EncodeState {
  state ??= {
    dump,
    bytes: new Uint8Array(context.memory.buffer),
    layout: context.layout,
    zero: loadKernel("zero", context.memory),
    encoder: createEncoder(context.codec, context.memory, context.layout),
  };
  return state;
}

export function scan(task: ScanTask): Answer<ScanResult> {
  return answer(() => scanPages(dump, context.pageSize, task));
}

export function zeros(task: ZeroTask): Answer<ZeroResult> {
  return answer(() => dropZeroPages(encodeState(), task));
}

export function encode(task: EncodeTask): Answer<EncodeResult> {
  return answer(() => encodePages(encodeState(), task));
}

function answer<R>(work: () => R): Answer<R> {
  try {
    return { result: work() };
  } catch (error) {
    if (error instanceof DumpError) return { failure: plainDumpError(error) };
    throw error;
  }
}
