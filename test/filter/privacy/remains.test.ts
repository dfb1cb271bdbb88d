/** `remains` names what stays, in the modes in which it does. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { largeObjects } from "../../../src/filter/privacy/large-objects.js";
import { slabGaps } from "../../../src/filter/privacy/slab-gaps.js";
import { PaddingList } from "../../../src/filter/privacy/slab-padding.js";
import { strictRemains } from "../../../src/filter/privacy/strict/strict-remains.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { machine, space } from "../../support/fake-machine.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";

test("a host of virtual machines has their registers in objects of its own", () => {
  const { kernel, view } = machine({ init_on_alloc: 0x100 }, {});
  view.setInt32(0x100, 1, true);
  const slabs = {
    cpuLists: true,
    sheaves: { found: true, broken: 0 },
    doubtful: 0,
    cut: false,
    padding: new PaddingList(),
  };
  const registers = "registers of virtual machines (KVM), as their processors were left";
  expect(slabGaps(kernel, { ...slabs, guests: new Set(["all"] as const) })).toEqual([registers]);
  const taken = slabGaps(kernel, { ...slabs, guests: new Set(["system"] as const) });
  expect(taken).toEqual(["registers of virtual machines (KVM) that control their processors"]);
  expect(slabGaps(kernel, { ...slabs, guests: new Set() })).toEqual([]);
});

test("strict names what of the log was not found in the image, and what was dropped for that", () => {
  const found = {
    typed: true,
    reached: new Set(["log", "host"] as const),
    imageGaps: ["messages on their way to consoles"],
  };
  const left = strictRemains(found, [], ["virtual machines (struct kvm)"]);
  expect(left).toContain("the log's text that was not found, if it is in the image: messages on their way to consoles");
  expect(left).toContain(
    "not found, so that more was overwritten or dropped than had to be: virtual machines (struct kvm)",
  );
  expect(strictRemains({ ...found, imageGaps: [] }, [], []).join()).not.toMatch(/not found/);
});

test("KVM as a module without types: its machines are dropped, and named", () => {
  const types = { "module.list": [0, 16], "module.name": [16, 56] } as const;
  const compound = { isKernelData: () => false, isTail: () => false };
  const loaded = machine({ modules: 0x100 }, types);
  loaded.point(0x100, 0x1000);
  loaded.point(0x1000, 0x100);
  Buffer.from(loaded.view.buffer).write("kvm\0", 0x1010, "latin1");
  expect(largeObjects(space, loaded.kernel, [], compound).missing).toEqual([
    "virtual machines (struct kvm), if there are any",
  ]);
  const other = machine({ modules: 0x100 }, types);
  other.point(0x100, 0x100);
  expect(largeObjects(space, other.kernel, [], compound).missing).toEqual([]);
});

describeWithDumps("of a real dump", () => {
  const folder = temporaryFolder();
  test("registers are named, general and vector ones, until they were asked for", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const plain = await filterFile(vmcore, join(folder, "plain"), { privacy: true });
    const text = plain.privacy?.remains.join("\n");
    expect(text).toMatch(/slab pages: .*numbers \(addresses of the network.*vector registers of programs/);
    expect(text).toMatch(/kernel stacks: .*registers of programs/);
    expect(text).toMatch(/BPF programs, their types and objects, host name/);
    const asked = await filterFile(vmcore, join(folder, "asked"), {
      privacy: true,
      privacyExtra: ["registers", "host"],
    });
    expect(asked.privacy?.remains.join("\n")).not.toMatch(/registers|host name/);
  });
});
