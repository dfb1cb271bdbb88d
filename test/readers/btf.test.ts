/** Every type of real kernels' BTF, against what bpftool (libbpf) reads in the same bytes. */
import { writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { openBtf } from "../../src/kernel/debuginfo/btf.js";
import { btfMembers, btfTypes } from "../../src/kernel/debuginfo/btf-types.js";
import { kernelBtf } from "../support/kernel-btf.js";
import { Outputs } from "./support/outputs.js";
import { runWell } from "./support/run.js";
import { describeReader } from "./support/tools.js";

const outputs = new Outputs();
afterAll(() => outputs.remove());

/** One type as bpftool prints it, as far as it is compared. */
interface TheirType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { name: string; type_id: number; bits_offset: number; bitfield_size?: number }[];
  readonly values?: readonly { name: string; val: number }[];
}

const nameOf = (name: string): string => (name === "(anon)" ? "" : name);

describeReader("bpftool btf dump", ["bpftool"], () => {
  test.each(["x86-6.12-tiny", "x86-6.1-kdump-tiny"])("%s: the same types", async (name) => {
    const bytes = await kernelBtf(name);
    const file = outputs.path(`${name}.btf`);
    writeFileSync(file, bytes);
    const { stdout } = await runWell("bpftool", ["-j", "btf", "dump", "file", file]);
    const theirs = (JSON.parse(stdout) as { types: TheirType[] }).types;
    const btf = openBtf(bytes);
    if (btf === undefined) throw new Error("not opened");
    const types = btfTypes(btf, 8, "a test");
    expect(btf.endId - 1).toBe(theirs.length);
    const different: unknown[] = [];
    const known = new Set<string>();
    for (const { id, kind, name, size, members, values } of theirs) {
      const type = btf.type(id);
      const same = type !== undefined && btf.string(type.name) === nameOf(name);
      if (!same || (size !== undefined && type.sizeOrType !== size)) different.push({ id, name });
      if (type !== undefined && members !== undefined) {
        const ours = [...btfMembers(btf, type)].map((m) => [m.name, m.type, m.bit, m.bits ?? 0].join());
        const want = members.map((m) => [nameOf(m.name), m.type_id, m.bits_offset, m.bitfield_size ?? 0].join());
        if (ours.join("|") !== want.join("|")) different.push({ id, name, ours, want });
      }
      // The first of a name is the one that is found by it. bpftool 7.1 prints unsigned values as if they were signed.
      for (const { name, val } of values ?? []) {
        const value = types.enumerator(name) ?? 0n;
        const printed = [value, BigInt.asUintN(64, BigInt.asIntN(32, value))].map(Number);
        if (!known.has(name) && !printed.includes(val)) different.push({ id, name, val, value });
        known.add(name);
      }
      if (kind === "VAR" && types.variable(name) === undefined) different.push({ id, name });
    }
    expect(different).toEqual([]);
    expect(known.size).toBeGreaterThan(10_000);
  });
});
