import type { BytePiece } from "../../kernel/arch/registers.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { moduleNamed, moduleTypes } from "../../kernel/objects/module-objects.js";

/** Where struct kvm_vcpu has the registers of its guest: on x86, ARM64, RISC-V, LoongArch. */
const PLACES = ["arch.regs", "arch.ctxt.regs", "arch.ctxt.fp_regs", "arch.guest_context", "arch.gprs", "arch.fpu.fpr"];

/**
 * Caches whose objects have nothing but a guest's registers and what KVM read from its memory in its place (x86, the
 * second until 5.15).
 */
export const GUEST_CACHES: ReadonlyMap<string, "registers" | "vector-registers"> = new Map([
  ["x86_emulator", "registers"],
  ["x86_fpu", "vector-registers"],
]);

/**
 * The registers of a virtual machine's processor in struct kvm_vcpu (virt/kvm; often a module), with which each object
 * of the cache `kvm_vcpu` begins. `undefined` if the types do not have them.
 */
export function guestRegisters(kernel: KernelObjects): readonly BytePiece[] | undefined {
  const places = placesIn(kernel.types);
  if (places.length > 0) return places;
  const module = kernel.symbols.address("modules") === undefined ? undefined : moduleNamed(kernel, "kvm");
  const types = module === undefined ? undefined : moduleTypes(kernel, module);
  const own = types === undefined ? [] : placesIn(types);
  return own.length > 0 ? own : undefined;
}

function placesIn(types: KernelObjects["types"]): BytePiece[] {
  return PLACES.map((path) => types.member("kvm_vcpu", path))
    .filter((member) => member !== undefined)
    .map(({ offset, size }) => [offset, offset + size]);
}
