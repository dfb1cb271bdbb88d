import { PAGE_CLASSES, type PageClass, PRIVACY_CLASSES, type PrivacyClass } from "../../filter/page-classes.js";
import { type AddressSpace, readVirtual } from "../../kernel/address-space.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { type MemMap, structPageAddress, structPageRun } from "../../kernel/page/mem-map.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { wordAt } from "../../reader/fields.js";
import { type PhysicalMemory, readPages } from "../../reader/physical-memory.js";
import type { ExtensionPage } from "./extension.js";

/** Struct pages that are read at once. */
const BATCH = 1024;
const CLASS_NAMES: readonly (PageClass | PrivacyClass)[] = [...PAGE_CLASSES, ...PRIVACY_CLASSES];

/** What is needed to read struct pages. */
export interface StructPages {
  readonly space: AddressSpace;
  readonly memMap: MemMap;
  readonly layout: PageLayout;
  readonly memory: KernelMemory;
}

/** The page that is shown to an extension; one object for all pages. */
export class ShownPage implements ExtensionPage {
  pfn = 0;
  classNumber = 0;
  readonly #dump: PhysicalMemory;
  readonly #pageSize: number;
  readonly #structs: StructPages | undefined;
  readonly #bytes: Uint8Array;
  /** Struct pages of the pfns [#first, #end). */
  readonly #batch: Uint8Array;
  #first = 0;
  #end = 0;

  constructor(dump: PhysicalMemory, pageSize: number, structs: StructPages | undefined) {
    this.#dump = dump;
    this.#pageSize = pageSize;
    this.#structs = structs;
    this.#bytes = new Uint8Array(pageSize);
    this.#batch = new Uint8Array(structs === undefined ? 0 : BATCH * structs.layout.size);
  }

  get paddr(): number {
    return this.pfn * this.#pageSize;
  }

  get class(): PageClass | PrivacyClass {
    return CLASS_NAMES[this.classNumber] ?? "kept";
  }

  get structAddress(): bigint | undefined {
    return this.#structs && structPageAddress(this.#structs.memMap, this.#structs.layout.size, this.pfn);
  }

  get struct(): DataView | undefined {
    const structs = this.#structs;
    if (structs === undefined) return undefined;
    if (this.pfn < this.#first || this.pfn >= this.#end) this.#load(structs);
    if (this.pfn >= this.#end) return undefined;
    const { size } = structs.layout;
    return new DataView(this.#batch.buffer, (this.pfn - this.#first) * size, size);
  }

  /** Reads the struct pages of this and the following pages. */
  #load({ space, memMap, layout }: StructPages): void {
    this.#first = this.pfn;
    this.#end = this.pfn;
    const run = structPageRun(memMap, layout.size, this.pfn);
    if (run === undefined) return;
    const wanted = this.#batch.subarray(0, Math.min(run.pages, BATCH) * layout.size);
    this.#end = this.pfn + Math.floor(readVirtual(space, this.#dump, wanted, run.address) / layout.size);
  }

  get flags(): bigint | undefined {
    return this.#word(this.#structs?.layout.offset.flags);
  }

  get mapping(): bigint | undefined {
    return this.#word(this.#structs?.layout.offset.mapping);
  }

  get mapcount(): number | undefined {
    return this.#int(this.#structs?.layout.offset.mapcount);
  }

  get refcount(): number | undefined {
    return this.#int(this.#structs?.layout.offset.refcount);
  }

  get headAddress(): bigint | undefined {
    const own = this.structAddress;
    const structs = this.#structs;
    const head = this.#word(structs?.layout.offset.compoundHead);
    if (own === undefined || structs === undefined || head === undefined || (head & 1n) === 0n) return own;
    // Since 7.1 a mask may be stored there; then the first page is where the pfn's low bits are zero.
    const address = head - 1n;
    const distance = own - address;
    return structs.memory.isKernelAddress(address) && distance > 0n && distance < span(structs.layout, 2 ** 24)
      ? address
      : own;
  }

  get headStruct(): DataView | undefined {
    const address = this.headAddress;
    if (address === undefined || address === this.structAddress) return this.struct;
    return this.#structs?.memory.readView(address, this.#structs.layout.size);
  }

  read(): Uint8Array {
    readPages(this.#dump, this.paddr, this.#bytes);
    return this.#bytes;
  }

  #word(offset: number | undefined): bigint | undefined {
    const struct = offset === undefined ? undefined : this.struct;
    if (struct === undefined || offset === undefined || this.#structs === undefined) return undefined;
    const { wordSize, littleEndian } = this.#structs.layout;
    return wordAt(struct, offset, wordSize, littleEndian);
  }

  #int(offset: number | undefined): number | undefined {
    const struct = offset === undefined ? undefined : this.struct;
    if (struct === undefined || offset === undefined) return undefined;
    return struct.getInt32(offset, this.#structs?.layout.littleEndian);
  }
}

function span({ size }: PageLayout, pages: number): bigint {
  return BigInt(pages * size);
}
