import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { CODEC_NAMES, type CodecName, codecOf } from "../codec/codecs.js";
import { createEncoder } from "../codec/encoder.js";
import { loadEncodeModule } from "../codec/wasm/encode/load.js";
import { throwIfAborted } from "../errors.js";
import type { PagePlan } from "../filter/plan.js";
import { policyOfLevel } from "../filter/policy.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { copyOfBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { isLive } from "../reader/source/input-changed.js";
import { checkedPlan } from "../run/classify.js";
import { type Session, sessionOf } from "../run/own-session.js";
import { scanPages, scanState } from "../worker/scan.js";
import { createFileSink } from "../writer/file-sink.js";
import type { CodecFigures, Stage, StageFigures } from "./bench-result.js";
import { thisMachine } from "./machine.js";
import { type PageSample, readSequentially, scanRanges, takeSample } from "./page-sample.js";
import { medianTiming, type Timing, timed } from "./timing.js";

/** How to measure the stages of a dump. */
export interface StageOptions {
  readonly level: number;
  readonly codecs: readonly CodecName[];
  /** Folder for the write stage, which removes its file. */
  readonly folder: string;
  readonly version: string;
  readonly signal?: AbortSignal;
  readonly say?: (text: string) => void;
}

/** The most pages that are scanned: 64 GiB of 4 KiB pages, half a second. */
const SCAN_PAGES = 2 ** 24;
/** The most bytes that the read stage reads. */
const READ_BYTES = 2 ** 30;
/** Bytes that the write stage writes. */
const WRITE_BYTES = 2 ** 28;

/**
 * Measures the stages of a run one by one in this thread, with the code of the worker threads: finding the kernel,
 * reading the first GiB, pass 1 over the first 64 GiB; then, with an evenly spread sample of 64 MiB of the kept pages:
 * zero test, hashing, each codec; and writing. A dump whose struct pages cannot be used has no scan, and all its pages
 * count as kept. Throws what reading and writing throw, and `ABORTED`.
 */
export async function measureStages(session: Session, options: StageOptions): Promise<StageFigures> {
  const { level, folder, version, signal, say } = options;
  const { dump } = session;
  const { pageSize } = dump;
  const machine = thisMachine(folder, version);
  const stages: Stage[] = [];
  const add = (name: string, unit: string, count: number, bytes: number, timing: Timing) =>
    stages.push({ name, unit, count, bytes, ...timing });
  const begin = async (name: string) => {
    say?.(`stage: ${name}`);
    await setImmediate();
    throwIfAborted(signal);
  };

  await begin("find the kernel");
  const { value: found, timing: finding } = timed(() => findKernel(session, level));
  const { view, plan } = found;
  add("find the kernel", "", 0, 0, finding);

  // If the dump is a machine's memory, some pages must not be read.
  const readable = copyOfBitmap(plan.kept);
  if (view !== undefined && isLive(dump.image)) leaveOutUntouchable(dump, view, readable);
  await begin("read");
  for (const name of ["read", "read again"]) {
    const most = Math.ceil(READ_BYTES / pageSize);
    const { value: pages, timing } = timed(() => readSequentially(dump, readable, plan.maxMapnr, most));
    add(name, "pages", pages, pages * pageSize, timing);
  }

  const ranges = scanRanges(plan.kept, plan.maxMapnr, SCAN_PAGES);
  if (view !== undefined) {
    await begin("scan");
    const { structs, timing } = measureScan(dump, view, plan, ranges, level);
    add("scan (pass 1)", "struct pages", structs, structs * view.layout.size, timing);
  }

  const sample = takeSample(dump, plan.kept, ranges.at(-1)?.endPfn ?? 0);
  await begin("zero test");
  const { zeroPages, timing: testing } = measureZeroTest(sample);
  add("zero test", "pages", sample.pages, sample.pages * pageSize, testing);
  const samplePages = sample.pages - zeroPages;
  await begin("hash");
  add("hash (--dedupe)", "pages", samplePages, samplePages * pageSize, measureHash(sample));

  const codecs: CodecFigures[] = [];
  for (const name of CODEC_NAMES) {
    if (name === "none" || !options.codecs.includes(name)) continue;
    await begin(name);
    codecs.push({
      codec: name,
      level: codecOf(name).level,
      bytes: samplePages * pageSize,
      ...measureCodec(sample, name),
    });
  }
  await begin("write");
  const { written, timing: writing } = await measureWrite(sample, join(folder, "out"), dump.paths);
  add("write", "pages", Math.round(written / pageSize), written, writing);
  return { level, codecs, stages, samplePages, machine };
}

/** Finds the kernel once more to measure the time: the session has found it already. */
function findKernel({ dump, warnings }: Session, level: number): { view: KernelView | undefined; plan: PagePlan } {
  const session = sessionOf(dump, warnings);
  const { plan } = checkedPlan(session, policyOfLevel(level));
  return { view: session.view, plan };
}

/** Measures pass 1 over some ranges, several times; afterwards `plan.kept` has its result. */
function measureScan(
  dump: Dump,
  view: KernelView,
  plan: PagePlan,
  ranges: readonly PfnRange[],
  level: number,
): { structs: number; timing: Timing } {
  const { memMap } = view;
  let structs = 0;
  for (const { startPfn, endPfn } of ranges) {
    for (let i = 0; i < memMap.count; i++) {
      const start = Math.max(startPfn, memMap.startPfn[i] as number);
      structs += Math.max(0, Math.min(endPfn, memMap.endPfn[i] as number) - start);
    }
  }
  const before = plan.kept.bytes.slice();
  const kernel = { space: view.space, memMap, pageLayout: view.layout, policy: policyOfLevel(level) };
  const state = scanState(dump.memory, dump.pageSize, plan.kept, kernel);
  const timing = medianTiming(() => {
    plan.kept.bytes.set(before);
    for (const range of ranges) scanPages(state, range);
  });
  state.classifier.end();
  return { structs, timing };
}

/** Fills the zero maps of the sample's slots. */
function measureZeroTest({ memory, layout, counts }: PageSample): { zeroPages: number; timing: Timing } {
  const kernel = loadEncodeModule("zero", memory);
  let zeroPages = 0;
  const timing = medianTiming(() => {
    zeroPages = 0;
    for (const [slot, count] of counts.entries()) {
      const base = slot * layout.size;
      zeroPages += kernel.zeroMap(base + layout.input, layout.pageSize, count, base + layout.zeroMap);
    }
  });
  return { zeroPages, timing };
}

function measureHash({ memory, layout, counts }: PageSample): Timing {
  const { input, pageSize, zeroMap, hashes, hashKey, size } = layout;
  const kernel = loadEncodeModule("hash", memory);
  return medianTiming(() => {
    for (const [slot, count] of counts.entries()) {
      const base = slot * size;
      kernel.hashPages(base + input, pageSize, count, hashKey, base + zeroMap, base + hashes);
    }
  });
}

function measureCodec(sample: PageSample, name: CodecName): Timing & { readonly stored: number } {
  const { memory, layout, counts, bytes } = sample;
  const { input, output, scratch, zeroMap, pageSize, size } = layout;
  const encoder = createEncoder(codecOf(name), memory, layout);
  let stored = 0;
  const timing = medianTiming(() => {
    stored = 0;
    for (const [slot, count] of counts.entries()) {
      const base = slot * size;
      for (let i = 0; i < count; i++) {
        if (bytes[base + zeroMap + i] === 1) continue;
        stored += encoder?.encode(base + input + i * pageSize, base + output, base + scratch) || pageSize;
      }
    }
  });
  return { ...timing, stored };
}

/** Writes the sample repeatedly to a file that never appears. */
async function measureWrite(
  { bytes, layout, counts, pages }: PageSample,
  path: string,
  inputs: readonly string[],
): Promise<{ written: number; timing: Timing }> {
  const sink = createFileSink(path, { force: false, inputs });
  try {
    const { value, timing } = timed(() => {
      let written = 0;
      while (pages > 0 && written < WRITE_BYTES) {
        for (const [slot, count] of counts.entries()) {
          const at = slot * layout.size + layout.input;
          // A file's sink writes synchronously.
          void sink.write(bytes.subarray(at, at + count * layout.pageSize), written);
          written += count * layout.pageSize;
        }
      }
      return written;
    });
    return { written: value, timing };
  } finally {
    await sink.abort();
  }
}
