import type { AddressSpace } from "../../kernel/address-space.js";
import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { allTasks } from "../../kernel/objects/tasks.js";
import { kernelVersion, parseKernelVersion } from "../../kernel/version.js";
import { OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import { Warnings } from "../../warnings.js";
import { eraseDebuginfo } from "../erase/erase-debuginfo.js";
import { countErased, type EraseSpans, SpanList } from "../erase/spans.js";
import { auditTexts } from "./audit-texts.js";
import { bpfMaps } from "./bpf-maps.js";
import { coreNotes } from "./core-notes.js";
import { cpuNotes } from "./cpu-notes.js";
import { namedCrashKernel } from "./crash-kernel.js";
import { driverBuffers, mayHaveVsockPackets, otherBuffers } from "./driver-buffers.js";
import { entryStacks } from "./entry-stacks.js";
import { fileTexts } from "./file-texts.js";
import { freePercpu } from "./free-percpu.js";
import { hostNames } from "./host-names.js";
import type { MappedStack } from "./kernel-pages.js";
import { type LargeObjects, largeObjects, type ObjectPages } from "./large-objects.js";
import { LOG_BUFFERS, logBuffers } from "./log-buffers.js";
import { logTexts } from "./log-texts.js";
import { endedCalls } from "./old-frames.js";
import type { OpenFiles } from "./open-files.js";
import { structPageReader } from "./page-reader.js";
import type { PrivacyExtra, PrivacyKeep } from "./privacy-names.js";
import type { ScrubCount } from "./privacy-result.js";
import { type PrivateObjects, privateObjects } from "./private-objects.js";
import { queuedSignals } from "./queued-signals.js";
import { type RegisterFrame, registerFrame } from "./register-frame.js";
import { hasFirmwareMemory, lowMemory, reservedRanges } from "./reserved-ranges.js";
import { screens } from "./screens.js";
import type { Scrub } from "./scrub-result.js";
import { SCRUBBED, type Scrubbed, type ScrubList } from "./scrubbed.js";
import { slabGaps } from "./slab-gaps.js";
import { countTops, type StackTops, stackTopsOf } from "./stack-tops.js";
import type { StrictPlan } from "./strict/strict-plan.js";
import { taskStack } from "./thread-stack.js";
import { ttyBuffers } from "./tty-buffers.js";
import { withoutTimers } from "./waiting-timers.js";
import { someOf, watchedKernel } from "./watched-kernel.js";

/** A search for what must be overwritten. First it has only what decides about whole pages. */
export interface ScrubSearch {
  readonly stackTops: StackTops | undefined;
  /** Pages of objects to which the kernel's lists lead: they are kept. */
  readonly pages: readonly ObjectPages[];
  /** Memory reserved for the crash kernel, if it was found by symbols. */
  readonly crashKernel: readonly PfnRange[] | undefined;
  /** Other memory reserved at boot for others than the kernel. */
  readonly foreign: readonly PfnRange[];
  readonly kernelStack: TaskStack;
  /** Finds the rest. */
  search(stacks: readonly MappedStack[]): Scrub;
  /** Must be called at the end. */
  close(): void;
}

/** What scrubbing needs in addition to the dump. */
export interface ScrubWith {
  readonly vmlinux: GivenFile | undefined;
  /** For `--privacy strict`: receives what is in slabs, and elsewhere. */
  readonly strict: { readonly plan: StrictPlan; readonly keeps: readonly PrivacyKeep[] } | undefined;
}

/**
 * Finds what must be overwritten. Types and symbols come from the dump's memory, or from `vmlinux`. If an item of
 * `extras` is not possible, there is a warning.
 */
export function scrub(
  dump: Dump,
  view: KernelView,
  extras: readonly PrivacyExtra[],
  { vmlinux, strict }: ScrubWith,
  warnings: Warnings,
): ScrubSearch {
  const { kernel, close } = eraseDebuginfo(dump, view, vmlinux);
  try {
    const run = new ScrubRun(dump, view, kernel, {
      all: strict === undefined ? warnings : new Warnings(),
      image: warnings,
    });
    return {
      ...run.begin(extras.includes("registers")),
      search(stacks) {
        run.slabs(extras.includes("registers"), strict);
        run.always(stacks);
        if (extras.includes("registers")) run.registers();
        if (extras.includes("tty")) run.terminals();
        if (extras.includes("log")) run.log();
        if (extras.includes("host")) run.host();
        return run.end();
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** With `strict`, what is not found is tested word by word nevertheless, but for the kernel's image. */
interface GapWarnings {
  readonly all: Warnings;
  readonly image: Warnings;
}

/** What a run has found so far. */
class ScrubRun {
  readonly #gaps: string[] = [];
  readonly #imageGaps: string[] = [];
  readonly #reached = new Set<Scrubbed>();
  readonly #lists = new Map<Scrubbed, ScrubList>();
  readonly #dump: Dump;
  readonly #view: KernelView;
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects | undefined;
  readonly #warnings: GapWarnings;
  /** Why slabs, or more, could not be searched. */
  readonly #why: string;
  readonly #stack: TaskStack;
  #frame: RegisterFrame | undefined;
  #stackTops: StackTops | undefined;
  #slabs: PrivateObjects | undefined;
  #large: LargeObjects | undefined;
  #tasks: readonly bigint[] | undefined;

  constructor(dump: Dump, view: KernelView, kernel: KernelObjects | undefined, warnings: GapWarnings) {
    this.#dump = dump;
    this.#view = view;
    this.#space = attachSpace(view.space, dump.memory);
    this.#kernel = kernel;
    this.#stack = taskStack(dump.machine, parseKernelVersion(view.utsname.release) ?? 0, kernel);
    this.#warnings = warnings;
    this.#why = kernel === undefined ? "the dump has no types or no symbols" : "its slab allocator is not known";
  }

  /** Finds what decides about whole pages. */
  begin(registers: boolean): Omit<ScrubSearch, "search" | "close"> {
    const [kernel, dump, view, space] = [this.#kernel, this.#dump, this.#view, this.#space];
    const version = parseKernelVersion(view.utsname.release) ?? 0;
    if (registers) {
      this.#frame = registerFrame(dump.machine, version, kernel?.types.sizeOf("pt_regs"));
      this.#stackTops = stackTopsOf(dump, this.#frame);
    }
    const structs = structPageReader(space, dump.memory, view.memMap, view.layout);
    if (kernel !== undefined) {
      const tasks = this.#allTasks(kernel);
      this.#large = this.#search(kernel, "the rest of large objects", (one) =>
        largeObjects(space, one, tasks, structs),
      );
    }
    const { ranges: foreign, gaps } = this.#search(kernel, RESERVED, (one) => reservedRanges(dump, space, one));
    this.#gaps.push(...gaps);
    // Before 3.9 the page tables of the direct map were there (find_early_table_space, arch/x86/mm/init.c, from 0x8000).
    const isLowKept = version < kernelVersion(3, 9);
    if (isLowKept && hasFirmwareMemory(dump))
      this.#gaps.push("a PC's first megabyte, where a kernel this old has tables of its own");
    return {
      stackTops: this.#stackTops,
      pages: this.#large?.pages ?? [],
      crashKernel: kernel && namedCrashKernel(dump, kernel),
      foreign: [...(isLowKept ? [] : lowMemory(dump, (pfn) => structs.isReserved(pfn))), ...foreign],
      kernelStack: this.#stack,
    };
  }

  slabs(registers: boolean, strict: ScrubWith["strict"]): void {
    const kernel = this.#kernel;
    if (kernel !== undefined && strict !== undefined) strict.plan.begin(kernel, strict.keeps);
    const frame = registers ? { frame: this.#frame } : undefined;
    const found = this.#search(
      kernel,
      "what objects in slabs lead to",
      (one) =>
        one && privateObjects(this.#dump, this.#view, this.#space, one, frame, (slab) => strict?.plan.slab(slab)),
    );
    if (kernel !== undefined) strict?.plan.structs(kernel, found?.caches.values() ?? []);
    if (kernel === undefined || found === undefined) {
      this.#gaps.push(
        `slab pages were not looked into (${this.#why}): freed objects, padding between objects, socket buffers, messages, path names, what keyrings hold, and what nobody wrote to, are as they were`,
      );
      return;
    }
    this.#slabs = found;
    for (const [kind, list] of found.found) this.#lists.set(kind, list);
    const kinds = ["free-objects", "slab-padding", "socket-buffers", "messages", "path-names", "unwritten"] as const;
    for (const kind of kinds) this.#reached.add(kind);
    if (found.keysFound) this.#reached.add("keys");
    else this.#gaps.push("what keys hold: nothing says where keyrings are");
    this.#gaps.push(...slabGaps(kernel, found), ...found.missing);
  }

  /** Finds what is always overwritten, apart from slabs. */
  always(mapped: readonly MappedStack[]): void {
    const kernel = this.#kernel;
    const [space, dump, view] = [this.#space, this.#dump, this.#view];
    const drivers = kernel && driverBuffers(space, kernel, () => this.#openFiles(kernel));
    if (drivers !== undefined) this.#reach("driver-buffers", drivers);
    const version = parseKernelVersion(view.utsname.release) ?? 0;
    const vsock = kernel === undefined ? version < kernelVersion(6, 2) : mayHaveVsockPackets(kernel, version);
    this.#gaps.push(otherBuffers(version, drivers?.missing, vsock));
    if (kernel === undefined) {
      this.#gaps.push(`screens of virtual consoles, audited terminals and small BPF maps (${this.#why})`, OLD_FRAMES);
      return;
    }
    const nowhere = "the dump does not say where they are";
    const areas = "free areas of per-CPU memory";
    const free = this.#search(kernel, areas, (one) => freePercpu(space, one));
    this.#reachOr(`${areas}: ${nowhere}`, "percpu-areas", free);
    const consoles = "screens of virtual consoles";
    const shown = this.#search(kernel, consoles, (one) => screens(space, one));
    this.#reachOr(`${consoles}: ${nowhere}`, "screens", shown);
    const tasks = this.#allTasks(kernel);
    const signals = this.#search(kernel, "what signals carry", (one) => queuedSignals(space, one, tasks));
    this.#add("messages", signals);
    const files = this.#openFiles(kernel);
    const texts = "text that programs read in part from /proc, /sys and traces";
    const read = this.#search(kernel, texts, (one) => fileTexts(space, one, files));
    this.#add("driver-buffers", read);
    const stacks = { tasks, mapped, owned: this.#slabs?.stacks };
    const frames = this.#search(kernel, OLD_FRAMES, (one) => endedCalls(space, one, stacks, dump, this.#stack));
    this.#reachOr(OLD_FRAMES, "old-frames", frames);
    if (frames?.interrupts === false) this.#gaps.push("stacks of interrupts: what those that have ended left there");
    const audited = this.#search(kernel, AUDITED, (one) => auditTexts(space, one, tasks));
    this.#reach("tty-audit", audited);
    const maps = this.#search(kernel, "BPF maps", (one) => bpfMaps(space, one));
    if (maps === undefined) this.#gaps.push("small and per-CPU BPF maps: the dump does not say where they are");
    else {
      this.#reach("bpf-maps", maps);
      if (maps.unknown.size > 0) this.#gaps.push(`BPF maps of types ${[...maps.unknown].join(", ")}`);
      if (maps.cut) this.#gaps.push("BPF maps, of which there are too many");
    }
    const rest = this.#large?.rest;
    if (rest) this.#add("slab-padding", { list: withoutTimers(space, kernel, rest), objects: rest.count });
  }

  registers(): void {
    const frame = this.#frame;
    if (frame === undefined) this.#asked(`registers on kernel stacks of ${this.#dump.machine.arch}`);
    else this.#reached.add("registers");
    if (this.#kernel !== undefined) this.#registersInMemory(this.#kernel);
    const slabs = this.#slabs;
    if (slabs?.found.has("vector-registers")) this.#reached.add("vector-registers");
    else this.#asked(`saved vector registers of tasks${slabs === undefined ? ` (${this.#why})` : ""}`);
  }

  /** Finds registers of programs in other places than the tops of stacks. */
  #registersInMemory(kernel: KernelObjects): void {
    const { machine } = this.#dump;
    const { lowestAddress } = this.#view;
    const space = this.#space;
    const entered = this.#search(kernel, "registers on entry stacks", (one) => entryStacks(space, one, this.#frame));
    this.#add("registers", entered);
    const notes = this.#search(kernel, "registers of CPUs in crash_notes", (one) =>
      cpuNotes(space, one, machine, lowestAddress),
    );
    if (notes === undefined)
      this.#asked("registers of CPUs in crash_notes (nothing says where CPUs have their memory)");
    else this.#add("registers", notes);
    const tasks = this.#allTasks(kernel);
    const cores = "registers of processes whose core is being dumped";
    const own = this.#search(kernel, cores, (one) => coreNotes(space, one, machine, tasks, this.#stack.bytes));
    this.#add("registers", own);
  }

  terminals(): void {
    const kernel = this.#kernel;
    const ttys = this.#search(
      kernel,
      "terminal buffers",
      (one) => one && ttyBuffers(this.#space, one, this.#openFiles(one)),
    );
    if (ttys === undefined) {
      this.#asked(`terminal buffers (${kernel === undefined ? this.#why : "the kernel's names lack them"})`);
      return;
    }
    this.#reached.add("tty");
    this.#add("tty", ttys);
    if (ttys.broken > 0) this.#gaps.push(`${ttys.broken} terminals whose buffers could not be followed`);
  }

  log(): void {
    const memory = viewMemory(this.#dump, this.#view);
    const found = memory && logTexts(this.#space, memory);
    if (found === undefined) this.#asked("the kernel's log", "image");
    else {
      this.#reach("log", found);
      const buffers = this.#search(
        this.#kernel,
        "buffers of the kernel's log",
        (one) => one && logBuffers(this.#space, one, this.#openFiles(one)),
      );
      if (buffers !== undefined) this.#add("log", buffers);
      for (const what of buffers?.missing ?? LOG_BUFFERS) {
        this.#imageGaps.push(`${what}${buffers === undefined ? ` (${this.#why})` : ": nothing says where that is"}`);
      }
    }
  }

  host(): void {
    const names = "names of the host and command lines";
    const [space, { memory }] = [this.#space, this.#dump];
    const found = this.#search(this.#kernel, names, (one) => one && hostNames(space, memory, one, this.#allTasks(one)));
    if (found === undefined) this.#asked(`${names} (${this.#why})`, "image");
    else this.#reach("host", found);
  }

  end(): Scrub {
    const [dump, lists, reached] = [this.#dump, this.#lists, this.#reached];
    const all = new SpanList();
    const own = new Map([...lists].map(([kind, { list }]) => [kind, list.merged(0)]));
    for (const spans of own.values()) all.addAll(spans);
    const merged = all.merged(0);
    const padding = this.#slabs?.padding.spans() ?? [];
    const stackTops = this.#stackTops;
    const slabs = this.#slabs?.padding.slabs ?? 0;
    return {
      spans: [...(merged.start.length === 0 ? [] : [merged]), ...padding],
      typed: this.#kernel !== undefined,
      reached,
      gaps: [...this.#gaps, ...this.#imageGaps],
      imageGaps: this.#imageGaps,
      lost: this.#large?.missing ?? [],
      counts(plan) {
        const counts: Partial<Record<Scrubbed, ScrubCount>> = {};
        const bytesOf = (spans: EraseSpans) => countErased(spans, plan, dump.pageSize).overwritten;
        for (const kind of SCRUBBED) {
          if (!reached.has(kind)) continue;
          const found = lists.get(kind);
          const spans = own.get(kind);
          const counted = { objects: found?.objects ?? 0, bytes: spans === undefined ? 0 : bytesOf(spans) };
          const more =
            kind === "slab-padding"
              ? { objects: slabs, bytes: padding.reduce((sum, spans) => sum + bytesOf(spans), 0) }
              : kind === "registers" && stackTops !== undefined
                ? countTops(dump, stackTops, plan)
                : { objects: 0, bytes: 0 };
          counts[kind] = { objects: counted.objects + more.objects, bytes: counted.bytes + more.bytes };
        }
        return counts;
      },
    };
  }

  /** Searches; if the search was not led to the end of all that it followed, `remains` says so of `what`. */
  #search<K extends KernelObjects | undefined, T>(kernel: K, what: string, search: (kernel: K) => T): T {
    if (kernel === undefined) return search(kernel);
    const watched = watchedKernel(kernel);
    const found = search(watched.kernel as K);
    if (watched.cut) this.#gaps.push(someOf(what));
    return found;
  }

  #allTasks(kernel: KernelObjects): readonly bigint[] {
    this.#tasks ??= this.#search(kernel, "what tasks lead to", (one) => [...allTasks(this.#dump, this.#view, one)]);
    return this.#tasks;
  }

  #openFiles(kernel: KernelObjects): OpenFiles {
    const slabs = this.#slabs;
    return { tasks: this.#allTasks(kernel), others: slabs?.files ?? [], allocations: slabs?.allocations };
  }

  #reachOr(gap: string, kind: Scrubbed, list: ScrubList | undefined): void {
    if (list === undefined) this.#gaps.push(gap);
    else this.#reach(kind, list);
  }

  #reach(kind: Scrubbed, list: ScrubList): void {
    this.#reached.add(kind);
    this.#add(kind, list);
  }

  #add(kind: Scrubbed, { list, objects }: ScrubList): void {
    const known = this.#lists.get(kind);
    if (known === undefined) {
      this.#lists.set(kind, { list, objects });
      return;
    }
    known.list.addAll(list.merged(0));
    known.objects += objects;
  }

  #asked(what: string, where: keyof GapWarnings = "all"): void {
    this.#gaps.push(what);
    this.#warnings[where].add("PRIVACY_GAP", `${OPTION.privacyExtra} could not reach ${what}`);
  }
}

const RESERVED = "memory reserved at boot for others";
const OLD_FRAMES = "kernel stacks: what calls and interrupts that have ended left there";
const AUDITED = "what was typed at audited terminals, command lines and addresses that audit keeps";
