import type { BytePiece } from "../../kernel/arch/registers.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleTypes } from "../../kernel/objects/module-objects.js";
import { wordAt } from "../../reader/fields.js";

/**
 * Where struct kvm_vcpu has registers: those of its guest, and what its emulator read of them and of the guest's memory.
 * A kernel has several of these places.
 */
const PLACES = [
  // x86; until 4.20 with vector registers, also of the program that runs the guest, and until 5.6 with the emulator.
  "arch.regs",
  "arch.guest_fpu.state",
  "arch.user_fpu.state",
  "arch.emulate_ctxt._regs",
  "arch.emulate_ctxt.fetch.data",
  "arch.emulate_ctxt.mem_read.data",
  "arch.emulate_ctxt.io_read.data",
  // ARM64, before 5.10 the last one.
  "arch.ctxt.regs",
  "arch.ctxt.fp_regs",
  "arch.ctxt.gp_regs",
  // RISC-V.
  "arch.guest_context",
  // LoongArch and MIPS.
  "arch.gprs",
  "arch.fpu.fpr",
  // POWER, in and before a transaction; `regs` was `gpr` until 4.17.
  "arch.gpr",
  "arch.fp",
  "arch.vr",
  "arch.gpr_tm",
  "arch.fp_tm",
  "arch.vr_tm",
];
/** Pointers to vector registers in `kmalloc` memory (ARM64 with SVE, RISC-V): an object has nothing else. */
const POINTERS = ["arch.sve_state", "arch.guest_context.vector.datap"];

/** The most processors of virtual machines. */
const MAX_APART = 1 << 16;

/**
 * Caches in whose objects a guest's registers are, and what KVM read from its memory in its place (x86, the second until
 * 5.15). What else is in the emulator's objects, pointers of the kernel among it, goes with them: nothing follows it.
 */
export const GUEST_CACHES: ReadonlyMap<string, "registers" | "vector-registers"> = new Map([
  ["x86_emulator", "registers"],
  ["x86_fpu", "vector-registers"],
]);

/** Registers in struct kvm_vcpu. */
export interface GuestRegisters {
  readonly pieces: readonly BytePiece[];
  /** Offsets of pointers to others. */
  readonly pointers: readonly number[];
}

/** What of virtual machines' registers is not overwritten: all, those that control the processor, or vectors of too many. */
export type GuestGap = "all" | "system" | "vectors";

/**
 * The registers of a virtual machine's processor in struct kvm_vcpu (virt/kvm; often a module), with which each object
 * of the cache `kvm_vcpu` begins. `undefined` if the types do not have them.
 */
export function guestRegisters(kernel: KernelObjects): GuestRegisters | undefined {
  const own = placesIn(kernel.types);
  if (own !== undefined) return own;
  const module = kernel.symbols.address("modules") === undefined ? undefined : moduleNamed(kernel, "kvm");
  const types = module === undefined ? undefined : moduleTypes(kernel, module);
  return types && placesIn(types);
}

/** Looks for registers in objects of the cache `kvm_vcpu`; the types are found once: they may be those of a module. */
export class GuestSearch {
  /** Where further registers are: those of vectors. */
  readonly apart: bigint[] = [];
  readonly #gaps: Set<GuestGap>;
  readonly #kernel: KernelObjects;
  readonly #asked: boolean;
  #found: { readonly places: GuestRegisters | undefined } | undefined;

  /** `gaps` receives what stays. */
  constructor(kernel: KernelObjects, asked: boolean, gaps: Set<GuestGap>) {
    this.#gaps = gaps;
    this.#kernel = kernel;
    this.#asked = asked;
  }

  /** There are such objects. */
  begin(): void {
    this.#found ??= { places: this.#asked ? guestRegisters(this.#kernel) : undefined };
    this.#gaps.add(this.#found.places === undefined ? "all" : "system");
  }

  /** The pieces of an object that are registers. */
  look(object: DataView | undefined): readonly BytePiece[] {
    const places = this.#found?.places;
    if (places === undefined || object === undefined) return [];
    const { byteLength } = object;
    const { wordSize, littleEndian } = this.#kernel.memory;
    for (const at of places.pointers) {
      const place = at + wordSize <= byteLength ? wordAt(object, at, wordSize, littleEndian) : 0n;
      if (place === 0n) continue;
      if (this.apart.length < MAX_APART) this.apart.push(place);
      else this.#gaps.add("vectors");
    }
    return places.pieces.filter(([from]) => from < byteLength).map(([from, to]) => [from, Math.min(to, byteLength)]);
  }
}

function placesIn(types: KernelObjects["types"]): GuestRegisters | undefined {
  const known = (paths: readonly string[]) =>
    paths.map((path) => types.member("kvm_vcpu", path)).filter((member) => member !== undefined);
  // In other versions some are pointers: to objects of other caches, or to memory that is dropped.
  const pieces = known(PLACES)
    .filter(({ type }) => !type.endsWith("*"))
    .map(({ offset, size }): BytePiece => [offset, offset + size]);
  return pieces.length === 0 ? undefined : { pieces, pointers: known(POINTERS).map(({ offset }) => offset) };
}
