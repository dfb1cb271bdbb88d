/** Where KVM has registers of virtual machines' processors. */
import { expect, test } from "vitest";
import { guestRegisters } from "../../../src/filter/privacy/guest-registers.js";
import { machine } from "../../support/fake-machine.js";

test("from the kernel's own types, on each machine's places; none without types", () => {
  const x86 = machine({}, { "kvm_vcpu.arch.regs": [400, 136] }).kernel;
  expect(guestRegisters(x86)).toEqual([[400, 536]]);
  const arm64 = machine({}, { "kvm_vcpu.arch.ctxt.regs": [48, 272], "kvm_vcpu.arch.ctxt.fp_regs": [400, 528] }).kernel;
  expect(guestRegisters(arm64)).toEqual([
    [48, 320],
    [400, 928],
  ]);
  expect(guestRegisters(machine({}, {}).kernel)).toBeUndefined();
});
