/** Where KVM has registers of virtual machines' processors. */
import { expect, test } from "vitest";
import { type GuestGap, GuestSearch, guestRegisters } from "../../../src/filter/privacy/guest-registers.js";
import { machine } from "../../support/fake-machine.js";

const placesOf = (types: Parameters<typeof machine>[1]) => guestRegisters(machine({}, types).kernel);

test("from the kernel's own types, on each machine's places; none without types", () => {
  expect(placesOf({ "kvm_vcpu.arch.regs": [400, 136] })?.pieces).toEqual([[400, 536]]);
  const arm64 = { "kvm_vcpu.arch.ctxt.regs": [48, 272], "kvm_vcpu.arch.ctxt.fp_regs": [400, 528] } as const;
  expect(placesOf(arm64)).toEqual({
    pieces: [
      [48, 320],
      [400, 928],
    ],
    pointers: [],
  });
  expect(placesOf({})).toBeUndefined();
});

test("all of several places: floating-point and vector registers beside the general ones", () => {
  const power = {
    "kvm_vcpu.arch.regs": [64, 352],
    "kvm_vcpu.arch.fp": [512, 528],
    "kvm_vcpu.arch.vr": [1056, 528],
  } as const;
  expect(placesOf(power)?.pieces).toEqual([
    [64, 416],
    [512, 1040],
    [1056, 1584],
  ]);
  const old = { "kvm_vcpu.arch.regs": [64, 136], "kvm_vcpu.arch.guest_fpu.state": [1024, 4096] } as const;
  expect(placesOf(old)?.pieces).toEqual([
    [64, 200],
    [1024, 5120],
  ]);
  const sve = { "kvm_vcpu.arch.ctxt.regs": [48, 272], "kvm_vcpu.arch.sve_state": [16, 8] } as const;
  expect(placesOf(sve)).toEqual({ pieces: [[48, 320]], pointers: [16] });
});

test("a pointer in such a place stays: before 4.2 the state lay in another object", () => {
  const { kernel } = machine({}, { "kvm_vcpu.arch.regs": [64, 136], "kvm_vcpu.arch.guest_fpu.state": [1024, 8] });
  const { member } = kernel.types;
  const types = {
    ...kernel.types,
    member(type: string, path: string) {
      const found = member(type, path);
      return found && path.endsWith("state") ? { ...found, type: "union thread_xstate *" } : found;
    },
  };
  expect(guestRegisters({ ...kernel, types })?.pieces).toEqual([[64, 200]]);
});

test("more pointers than can be remembered: what stays is named", () => {
  const { kernel } = machine({}, { "kvm_vcpu.arch.ctxt.regs": [48, 272], "kvm_vcpu.arch.sve_state": [16, 8] });
  const gaps = new Set<GuestGap>();
  const search = new GuestSearch(kernel, true, gaps);
  search.begin();
  const object = new DataView(new ArrayBuffer(400));
  object.setBigUint64(16, 0xffff_8880_0000_1000n, true);
  for (let i = 0; i < 1 << 16; i++) search.look(object);
  expect([...gaps]).toEqual(["system"]);
  search.look(object);
  expect([...gaps]).toEqual(["system", "vectors"]);
});

test("an object's pieces end with it, and a pointer to more registers is followed if it is set", () => {
  const { kernel } = machine({}, { "kvm_vcpu.arch.ctxt.regs": [48, 272], "kvm_vcpu.arch.sve_state": [16, 8] });
  const gaps = new Set<GuestGap>();
  const search = new GuestSearch(kernel, true, gaps);
  search.begin();
  const object = new DataView(new ArrayBuffer(200));
  expect(search.look(object)).toEqual([[48, 200]]);
  expect([...gaps]).toEqual(["system"]);
  expect(search.apart).toEqual([]);
  object.setBigUint64(16, 0xffff_8880_0000_1000n, true);
  search.look(object);
  expect([...gaps]).toEqual(["system"]);
  expect(search.apart).toEqual([0xffff_8880_0000_1000n]);
});
