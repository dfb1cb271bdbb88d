import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
  walkList,
} from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import { addAllocated, type WantedBytes } from "./allocations.js";
import type { OpenFiles } from "./open-files.js";
import type { ScrubList } from "./scrubbed.js";
import { SearchSteps } from "./search-steps.js";

/** Events, triggers and elements in all. */
const MAX_STEPS = 1 << 19;
const MAX_LIST = 1 << 16;
/** HIST_KEY_SIZE_MAX is 256 and some numbers. */
const MAX_KEY = 1 << 12;
/** STR_VAR_LEN_MAX: a text that a histogram keeps has so many bytes, before 5.12 the second. */
const TEXTS = [256, 32];
const MAX_TEXTS = 64;
const NAME = 16;
/** MAX_HIST_CNT: an interrupt may come while an event is counted, and another one then. */
const PADS = 4;

/**
 * What histograms of traces count by (kernel/trace/trace_events_hist.c): keys may be texts of programs, as of probes and
 * of names of files, and elements may keep further texts. Counters stay.
 * `undefined` if there may be some, but no symbol leads there.
 */
export function traceHistograms(
  space: AddressSpace,
  kernel: KernelObjects,
  files: () => OpenFiles,
  steps = new SearchSteps(MAX_STEPS),
): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const { symbols, types, memory } = kernel;
  if (types.sizeOf("hist_trigger_data") === undefined) return found;
  const traces = symbols.address("ftrace_trace_arrays");
  if (traces === undefined) return undefined;
  const wanted: WantedBytes[] = [];
  const want = (address: bigint | undefined, size: number) => {
    if (address && memory.isKernelAddress(address)) wanted.push({ address, size, from: 0, length: size });
  };
  const wantKey = (address: bigint | undefined, length: number) => {
    if (length > MAX_KEY) kernel.incomplete?.();
    else if (length > 0) want(address, length);
  };
  for (const data of snapshotsOf(kernel, traces)) {
    wantKey(
      readMember(kernel, "track_data", data, "key"),
      Number(readMember(kernel, "track_data", data, "key_len") ?? 0n),
    );
    const own = readMember(kernel, "track_data", data, "elt.private_data");
    if (own) want(readMember(kernel, "hist_elt_data", own, "comm"), NAME);
  }
  // Nearly no machine has triggers: without one, constants need no index (15 ms).
  for (const trigger of triggersOf(kernel, traces, steps)) {
    const kind = types.enumerator("ETT_EVENT_HIST");
    const command = readMember(kernel, "event_trigger_data", trigger, "cmd_ops");
    if (!command || readMember(kernel, "event_command", command, "trigger_type") !== kind) continue;
    const histogram = readMember(kernel, "event_trigger_data", trigger, "private_data");
    const map = histogram && readMember(kernel, "hist_trigger_data", histogram, "map");
    if (!map) continue;
    const key = Number(readMember(kernel, "tracing_map", map, "key_size") ?? 0n);
    for (const element of elementsOf(kernel, map, steps)) {
      wantKey(readMember(kernel, "tracing_map_elt", element, "key"), key);
      const own = readMember(kernel, "tracing_map_elt", element, "private_data");
      if (!own) continue;
      want(readMember(kernel, "hist_elt_data", own, "comm"), NAME);
      for (const text of textsOf(kernel, own)) for (const size of TEXTS) want(text, size);
    }
  }
  if (!lastKeys(space, kernel, found)) return undefined;
  if (wanted.length > 0) addAllocated(space, wanted, files().allocations, found);
  return steps.cut ? undefined : found;
}

/** Where each CPU puts keys together (6.15 and later; before, on its stack); false if nothing says where that is. */
function lastKeys(space: AddressSpace, kernel: KernelObjects, found: ScrubList): boolean {
  const { memory, symbols, types } = kernel;
  const [size, key] = [types.sizeOf("hist_pad"), types.member("hist_pad", "compound_key")];
  if (size === undefined || key === undefined) return true;
  const variable = symbols.address("hist_pads");
  const cpus = possibleCpus(kernel);
  if (variable === undefined || cpus === undefined) return false;
  const pads = memory.readWord(variable);
  for (const cpu of pads ? cpus : []) {
    const at = perCpuAddress(kernel, pads as bigint, cpu);
    for (let i = 0; at !== undefined && i < PADS; i++) {
      if (addVirtual(space, at + BigInt(i * size + key.offset), key.size, found.list) > 0) found.objects++;
    }
  }
  return true;
}

/** What histograms keep of the event for which they took a snapshot (onmax and onchange; 5.1 and later). */
function* snapshotsOf(kernel: KernelObjects, traces: bigint): Generator<bigint> {
  for (const one of walkList(kernel, traces, "trace_array", "list", MAX_LIST)) {
    const snapshot = readPossibleMember(kernel, "trace_array", one, "cond_snapshot");
    const data = snapshot && readMember(kernel, "cond_snapshot", snapshot, "cond_data");
    if (data) yield data;
  }
}

/** What follows events, of all that trace. */
function* triggersOf(kernel: KernelObjects, traces: bigint, steps: SearchSteps): Generator<bigint> {
  for (const one of walkList(kernel, traces, "trace_array", "list", MAX_LIST)) {
    const events = memberAddress(kernel, "trace_array", one, "events");
    if (events === undefined) return;
    for (const event of walkList(kernel, events, "trace_event_file", "list", MAX_LIST)) {
      if (!steps.take()) return;
      const triggers = memberAddress(kernel, "trace_event_file", event, "triggers");
      if (triggers === undefined) return;
      for (const trigger of walkList(kernel, triggers, "event_trigger_data", "list", MAX_LIST)) {
        if (!steps.take()) return;
        yield trigger;
      }
    }
  }
}

/** The elements of a histogram: pointers in pages, to which an array leads. */
function* elementsOf(kernel: KernelObjects, map: bigint, steps: SearchSteps): Generator<bigint> {
  const { memory, types } = kernel;
  const elements = readMember(kernel, "tracing_map", map, "elts");
  if (!elements) return;
  const number = (path: string) => Number(readMember(kernel, "tracing_map_array", elements, path) ?? 0n);
  const count = Number(readMember(kernel, "tracing_map", map, "max_elts") ?? 0n);
  const [shift, mask, size] = [number("entry_shift"), number("entry_mask"), number("entry_size_shift")];
  const pages = types.member("tracing_map_array", "pages");
  if (pages === undefined) return;
  // 7.x has the array itself there.
  const at = elements + BigInt(pages.offset);
  const first = pages.size === memory.wordSize ? memory.readWord(at) : at;
  for (let i = 0; first && i < count; i++) {
    if (!steps.take()) return;
    const page = memory.readWord(first + BigInt((i >>> shift) * memory.wordSize));
    const element = page && memory.readWord(page + BigInt((i & mask) * 2 ** size));
    if (!element) return;
    yield element;
  }
}

/** Where an element keeps texts: pointers to them, whose number is a constant of old kernels. */
function textsOf(kernel: KernelObjects, own: bigint): (bigint | undefined)[] {
  const { memory, types } = kernel;
  const texts = types.member("hist_elt_data", "field_var_str");
  if (texts === undefined) return [];
  const isCounted = types.member("hist_elt_data", "n_field_var_str") !== undefined;
  const count = isCounted
    ? Number(readMember(kernel, "hist_elt_data", own, "n_field_var_str") ?? 0n)
    : (texts.count ?? 0);
  const at = own + BigInt(texts.offset);
  const first = isCounted && texts.size === memory.wordSize ? memory.readWord(at) : at;
  if (!first) return [];
  return Array.from({ length: Math.min(count, MAX_TEXTS) }, (_, i) =>
    memory.readWord(first + BigInt(i * memory.wordSize)),
  );
}
