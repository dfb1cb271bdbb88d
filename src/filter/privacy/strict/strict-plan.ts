import { attachSpace, type KernelView } from "../../../kernel/kernel-view.js";
import type { KernelObjects } from "../../../kernel/objects/kernel-objects.js";
import type { CacheShape, Slab } from "../../../kernel/objects/slab-walk.js";
import { allTasks } from "../../../kernel/objects/tasks.js";
import { stretchesOf } from "../../../reader/attach.js";
import { clearBits, setBits, sharedBitmap } from "../../../reader/bitmap.js";
import type { Dump } from "../../../reader/dump.js";
import type { KernelPageObserver, KernelPages } from "../kernel-pages.js";
import { structPageReader } from "../page-reader.js";
import type { PrivacyKeep } from "../privacy-names.js";
import { namedImage } from "../resources.js";
import { isStackBottom, type StackMark } from "../thread-stack.js";
import { keptLog } from "./kept-log.js";
import { kernelAddresses } from "./kernel-addresses.js";
import { pointerSignature } from "./kernel-words.js";
import { keepCacheNames, keepModules } from "./known-names.js";
import { KnownObjects } from "./known-objects.js";
import { knownStructs } from "./known-structs.js";
import { knownTimers } from "./known-timers.js";
import type { StrictPages } from "./strict-pages.js";

/** Where the kernel's image is: physical addresses of its first and behind its last byte, in pieces. */
type ImagePages = readonly { readonly startPfn: number; readonly endPfn: number }[];

/** Finds out what of the pages that stay is the kernel's own numbers and addresses. */
export class StrictPlan {
  readonly #dump: Dump;
  readonly #view: KernelView;
  readonly #asIs;
  readonly #gaps: string[] = [];
  /** Tables of the kernel's, which are pages of addresses, and pages of what is tested word by word. */
  readonly #whole: [number, number][] = [];
  readonly #tested: [number, number][] = [];
  readonly #perCpu: bigint[] = [];
  #known: KnownObjects | undefined;
  #image: ImagePages | undefined;
  #perCpuOffset: bigint | undefined;

  constructor(dump: Dump, view: KernelView) {
    this.#dump = dump;
    this.#view = view;
    this.#asIs = sharedBitmap(stretchesOf(dump.image));
  }

  /** With symbols and types, before slabs are walked. */
  begin(kernel: KernelObjects, keeps: readonly PrivacyKeep[]): void {
    const space = attachSpace(this.#view.space, this.#dump.memory);
    this.#known = new KnownObjects(space, kernel, {
      module: ["name"],
      task_struct: keeps.includes("comm") ? ["comm"] : [],
    });
    const { symbols, memory } = kernel;
    const start = symbols.address("_text") ?? symbols.address("_stext") ?? memory.info.symbol("_stext");
    const end = symbols.address("_end");
    if (start !== undefined && end !== undefined) this.#image = this.#pagesOf(start, end);
    const offsets = symbols.address("__per_cpu_offset");
    this.#perCpuOffset = offsets === undefined ? undefined : memory.readWord(offsets);
  }

  slab(slab: Slab): void {
    this.#known?.slab(slab);
  }

  /** With symbols and types, behind that. */
  structs(kernel: KernelObjects, caches: Iterable<CacheShape>): void {
    const known = this.#known;
    if (known === undefined) return;
    const rows = [...caches];
    keepCacheNames(kernel, rows, known);
    // Their cache may be one with others', or none that could be walked.
    for (const task of allTasks(this.#dump, this.#view, kernel)) known.object("struct task_struct", task);
    knownStructs(kernel, known);
    knownTimers(kernel, known);
    if (keepModules(kernel, known) === undefined) this.#gaps.push("the list of modules");
  }

  /** Called for each range of the kernel's pages. */
  readonly observe: KernelPageObserver = (rule, startPfn, endPfn, vaddr) => {
    if (rule === "pageTables" || rule === "memMap") this.#whole.push([startPfn, endPfn]);
    else if (rule !== "vmalloc") this.#tested.push([startPfn, endPfn]);
    if (rule === "percpu" && vaddr !== undefined) this.#perCpu.push(vaddr);
  };

  /** `undefined` if the kernel's image was not found, and would be overwritten. */
  end(
    pages: KernelPages,
    stack: StackMark,
  ): { readonly strict: StrictPages; readonly gaps: readonly string[] } | undefined {
    const image = [this.#image, pages.mapped?.image].find((one) => one?.length) ?? namedImage(this.#dump, this.#view);
    if (image === undefined) return undefined;
    this.#markImage(image, stack);
    for (const [start, end] of this.#tested) this.#clear(start, end);
    for (const [start, end] of this.#whole) this.#set(start, end);
    const { wordSize, littleEndian } = this.#dump.machine;
    const addresses = kernelAddresses(this.#view, pages.mapped, this.#dump.machine, {
      addresses: this.#perCpu,
      offset: this.#perCpuOffset,
      pageSize: this.#dump.pageSize,
    });
    const log = keptLog(this.#dump, this.#view);
    const known = this.#known?.end();
    return {
      strict: {
        words: { wordSize, littleEndian, addresses, signature: pointerSignature(this.#dump.vmcoreinfo) },
        asIs: this.#asIs,
        shapes: known?.shapes ?? [],
        masks: known?.masks ?? new Uint8Array(0),
        kinds: known?.kinds ?? new Uint8Array(0),
        objects: [...(known?.objects ?? []), log.records()],
        free: known?.free ?? new Uint8Array(0),
      },
      gaps: this.#gaps,
    };
  }

  /** Marks the pages of the image that the kernel never freed: its initial part may be anybody's by now. The boot CPU's first stack, which lies in it, is no variable. */
  #markImage(image: ImagePages, stack: StackMark): void {
    const { memMap, layout, space } = this.#view;
    const { memory, maxMapnr, pageSize } = this.#dump;
    const structs = structPageReader(attachSpace(space, memory), memory, memMap, layout);
    const bottom = new DataView(new ArrayBuffer(stack.within));
    const isStack = (pfn: number) =>
      memory.read(new Uint8Array(bottom.buffer), pfn * pageSize) === stack.within && isStackBottom(bottom, stack);
    for (const { startPfn, endPfn } of image) {
      for (let pfn = startPfn; pfn < Math.min(endPfn, maxMapnr); pfn++) {
        if (stack.pages > 0 && pfn % stack.pages === 0 && isStack(pfn)) pfn += stack.pages - 1;
        else if (structs.isReserved(pfn)) setBits(this.#asIs, pfn, pfn + 1);
      }
    }
  }

  #pagesOf(start: bigint, end: bigint): ImagePages | undefined {
    if (end <= start || end - start > MAX_IMAGE) return undefined;
    const space = attachSpace(this.#view.space, this.#dump.memory);
    const { pageSize } = this.#dump;
    const pages: { startPfn: number; endPfn: number }[] = [];
    for (let at = start; at < end; ) {
      const place = space.translate(at);
      if (place === undefined) {
        at += BigInt(pageSize) - (at % BigInt(pageSize));
        continue;
      }
      const bytes = Math.min(place.length, Number(end - at));
      pages.push({
        startPfn: Math.floor(place.paddr / pageSize),
        endPfn: Math.ceil((place.paddr + bytes) / pageSize),
      });
      at += BigInt(bytes);
    }
    return pages;
  }

  #set(start: number, end: number): void {
    const last = Math.min(end, this.#dump.maxMapnr);
    if (last > Math.max(0, start)) setBits(this.#asIs, Math.max(0, start), last);
  }

  #clear(start: number, end: number): void {
    const last = Math.min(end, this.#dump.maxMapnr);
    if (last > Math.max(0, start)) clearBits(this.#asIs, Math.max(0, start), last);
  }
}

/** Debian's have 50 MB, those with everything built in and debugging options 300. */
const MAX_IMAGE = 1n << 30n;
