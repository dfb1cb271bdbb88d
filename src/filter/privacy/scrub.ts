import { DumpError } from "../../errors.js";
import type { AddressSpace } from "../../kernel/address-space.js";
import { attachSpace, type KernelView } from "../../kernel/kernel-view.js";
import { type KernelObjects, readInteger } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { allTasks } from "../../kernel/objects/tasks.js";
import { parseKernelVersion } from "../../kernel/version.js";
import { findBit, sharedBitmap, testBit } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import { stretchesOf } from "../../reader/open.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import type { Warnings } from "../../warnings.js";
import { eraseDebuginfo } from "../erase/erase-debuginfo.js";
import { countErased, type EraseSpans, SpanList } from "../erase/spans.js";
import type { PagePlan } from "../plan.js";
import { privateObjects, SCRUBBED, type Scrubbed, type ScrubList } from "./private-objects.js";
import { type RegisterFrame, registerFrame, userRegisters } from "./register-frame.js";
import type { PaddingList } from "./slab-padding.js";
import type { StackTops } from "./stack-tops.js";
import { ttyBuffers } from "./tty-buffers.js";

/** What `--privacy-extra` has names for. */
export const PRIVACY_EXTRAS = ["registers", "tty"] as const;

/** One of `PRIVACY_EXTRAS`. */
export type PrivacyExtra = (typeof PRIVACY_EXTRAS)[number];

/** Throws `BAD_OPTION` for a name that is none. */
export function privacyExtras(names: readonly string[]): PrivacyExtra[] {
  return names.map((name) => {
    const found = PRIVACY_EXTRAS.find((one) => one === name);
    if (found !== undefined) return found;
    throw new DumpError("BAD_OPTION", `${JSON.stringify(name)} is not something that --privacy-extra overwrites`, {
      cure: `Names are ${PRIVACY_EXTRAS.join(", ")}, separated by commas`,
    });
  });
}

/** What was overwritten of one kind. */
export interface ScrubCount {
  readonly objects: number;
  /** Bytes in pages that are in the output. */
  readonly bytes: number;
}

/** What a run with `--privacy` overwrites in pages that stay. */
export interface Scrub {
  /** None or one, for the threads. */
  readonly spans: readonly EraseSpans[];
  readonly stackTops: StackTops | undefined;
  /** The kinds that were looked for and could be. */
  readonly reached: ReadonlySet<Scrubbed>;
  /** What could not be looked for, in words, for `remains`. */
  readonly gaps: readonly string[];
  counts(plan: Pick<PagePlan, "kept" | "maxMapnr">): Partial<Record<Scrubbed, ScrubCount>>;
}

/** A bitmap for the last pages of stacks and what the registers there look like, if both can be. */
export function stackTopsOf(dump: Dump, frame: RegisterFrame | undefined): StackTops | undefined {
  return frame && { pages: sharedBitmap(stretchesOf(dump.image)), frame };
}

/**
 * Finds what is to be overwritten. Types and symbols come from the dump's memory, or from `vmlinux`. What was asked for by
 * name in `extras` and cannot be done is a warning.
 */
export function scrub(
  dump: Dump,
  view: KernelView,
  extras: readonly PrivacyExtra[],
  vmlinux: GivenFile | undefined,
  warnings: Warnings,
): Scrub {
  const gaps: string[] = [];
  const reached = new Set<Scrubbed>();
  const lists = new Map<Scrubbed, ScrubList>();
  const asked = (what: string) => {
    gaps.push(what);
    warnings.add("PRIVACY_GAP", `--privacy-extra could not reach ${what}`);
  };
  const space = attachSpace(view.space, dump.memory);
  const debuginfo = eraseDebuginfo(dump, view, vmlinux);
  const registers = extras.includes("registers");
  let frame: RegisterFrame | undefined;
  let padding: PaddingList | undefined;
  try {
    const { kernel } = debuginfo;
    const size = kernel?.types.sizeOf("pt_regs");
    if (registers) frame = registerFrame(dump.machine, parseKernelVersion(view.utsname.release) ?? 0, size);
    const slabs = kernel && privateObjects(dump, view, space, kernel, registers ? { frame } : undefined);
    const why = kernel === undefined ? "the dump has no types or no symbols" : "its slab allocator is not known";
    if (slabs === undefined) {
      gaps.push(
        `slab pages were not looked into (${why}): freed objects, padding between objects, socket buffers, messages and path names are as they were`,
      );
    } else {
      for (const [kind, list] of slabs.found) lists.set(kind, list);
      padding = slabs.padding;
      for (const kind of ["free-objects", "slab-padding", "socket-buffers", "messages", "path-names"] as const)
        reached.add(kind);
      if (!slabs.cpuLists) gaps.push("freed objects in the slabs that CPUs allocate from: where those are is not told");
      const zeroed = kernel && zeroesOnAllocation(kernel);
      if (zeroed !== true) {
        gaps.push(
          `slab objects in use: bytes that their owner never wrote hold what the memory held before, also of processes that have ended (${
            zeroed === undefined ? "the dump does not tell whether init_on_alloc was on" : "init_on_alloc was off"
          })`,
        );
      }
      if (slabs.doubtful > 0) gaps.push(`${slabs.doubtful} slabs whose free objects could not be told`);
      if (slabs.cut || slabs.padding.cut) gaps.push("objects in slabs, of which there are too many");
    }
    if (registers && frame === undefined) asked(`registers on kernel stacks of ${dump.machine.arch}`);
    if (registers && frame !== undefined) reached.add("registers");
    if (registers && kernel !== undefined) {
      const entry = entryStacks(space, kernel);
      const known = lists.get("registers");
      if (known === undefined) lists.set("registers", entry);
      else {
        known.list.addAll(entry.list.merged(0));
        known.objects += entry.objects;
      }
    }
    if (registers && (slabs === undefined || !slabs.found.has("vector-registers"))) {
      asked(`saved vector registers of tasks${slabs === undefined ? ` (${why})` : ""}`);
    } else if (registers) reached.add("vector-registers");
    if (extras.includes("tty")) {
      const ttys = kernel && ttyBuffers(space, kernel, allTasks(dump, view, kernel));
      if (ttys === undefined)
        asked(`terminal buffers (${kernel === undefined ? why : "the kernel's names lack them"})`);
      else {
        reached.add("tty");
        lists.set("tty", ttys);
        if (ttys.broken > 0) gaps.push(`${ttys.broken} terminals whose buffers could not be followed`);
      }
    }
  } finally {
    debuginfo.close();
  }
  const all = new SpanList();
  for (const { list } of lists.values()) all.addAll(list.merged(0));
  const merged = all.merged(0);
  const gapsInSlabs = padding?.spans() ?? [];
  const stackTops = stackTopsOf(dump, frame);
  return {
    spans: [...(merged.start.length === 0 ? [] : [merged]), ...gapsInSlabs],
    stackTops,
    reached,
    gaps,
    counts(plan) {
      const counts: Partial<Record<Scrubbed, ScrubCount>> = {};
      for (const kind of SCRUBBED) {
        if (!reached.has(kind)) continue;
        const found = lists.get(kind);
        let objects = found?.objects ?? 0;
        let bytes = found === undefined ? 0 : countErased(found.list.merged(0), plan, dump.pageSize).overwritten;
        if (kind === "slab-padding" && padding !== undefined) {
          objects = padding.slabs;
          bytes = gapsInSlabs.reduce((sum, spans) => sum + countErased(spans, plan, dump.pageSize).overwritten, 0);
        }
        if (kind === "registers" && stackTops !== undefined) {
          const more = countTops(dump, stackTops, plan);
          objects += more.objects;
          bytes += more.bytes;
        }
        counts[kind] = { objects, bytes };
      }
      return counts;
    },
  };
}

/**
 * The stacks on which x86-64 enters the kernel, one for each CPU (entry_stack_storage, 4.16 and later): what a program had in
 * its registers lies there until the next entry. Nothing runs on them when a backtrace is asked for.
 */
function entryStacks(space: AddressSpace, kernel: KernelObjects): ScrubList {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const variable = kernel.symbols.address("entry_stack_storage");
  const size = kernel.types.sizeOf("entry_stack_page");
  if (variable === undefined || size !== kernel.memory.pageSize) return found;
  for (const cpu of possibleCpus(kernel) ?? []) {
    const address = perCpuAddress(kernel, variable, cpu);
    const place = address === undefined ? undefined : space.translate(address);
    if (place === undefined || place.length < size) continue;
    found.list.add(place.paddr, size);
    found.objects++;
  }
  return found;
}

/**
 * Whether the kernel zeroes memory when it gives it out: the static key init_on_alloc, which begins with its count (5.3 and
 * later; before there was no such thing). `undefined` where the symbols have no variables.
 */
function zeroesOnAllocation({ memory, symbols }: KernelObjects): boolean | undefined {
  const key = symbols.address("init_on_alloc");
  if (key === undefined) return symbols.address("init_task") === undefined ? undefined : false;
  const count = readInteger(memory, key, 4);
  return count === undefined ? undefined : count > 0n;
}

/** Stacks with users' registers among those that are kept. */
function countTops(
  dump: Dump,
  { pages, frame }: StackTops,
  { kept, maxMapnr }: Pick<PagePlan, "kept" | "maxMapnr">,
): ScrubCount {
  const page = new Uint8Array(dump.pageSize);
  const view = new DataView(page.buffer);
  let objects = 0;
  let bytes = 0;
  for (let pfn = findBit(pages, 0, maxMapnr, true); pfn < maxMapnr; pfn = findBit(pages, pfn + 1, maxMapnr, true)) {
    if (!testBit(kept, pfn) || dump.memory.read(page, pfn * dump.pageSize) < page.length) continue;
    const pieces = userRegisters(view, frame);
    if (pieces.length > 0) objects++;
    for (const [from, to] of pieces) bytes += to - from;
  }
  return { objects, bytes };
}
