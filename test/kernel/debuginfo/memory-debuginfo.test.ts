/**
 * Symbols and types out of the memory of every real dump, against what VMCOREINFO says of the same kernel, against the
 * symbol table of a vmlinux, and as a way to the kernel's own objects.
 */
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { findSymbols, findTypes } from "../../../src/kernel/debuginfo/memory-debuginfo.js";
import type { KernelMemory } from "../../../src/kernel/kernel-memory.js";
import { kernelView, viewMemory } from "../../../src/kernel/kernel-view.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readText,
  walkList,
} from "../../../src/kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../../src/kernel/objects/per-cpu.js";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump, realDumps, realVmlinux } from "../../support/dumps.js";
import { hasReadelf, runTool } from "../../support/external-tools.js";

async function withMemory(name: string, use: (memory: KernelMemory) => void): Promise<void> {
  const { vmcore } = await realDump(name);
  const warnings = new Warnings();
  const dump = completeWithKernel(openDump(vmcore, warnings), warnings).dump;
  try {
    const memory = viewMemory(dump, kernelView(dump, warnings));
    if (memory === undefined) throw new Error("no VMCOREINFO");
    use(memory);
  } finally {
    dump.close();
  }
}

/** The same memory, of a kernel that does not export its tables. */
function withoutExport(memory: KernelMemory): KernelMemory {
  const { info } = memory;
  const symbol = (name: string) => (name.startsWith("kallsyms_") ? undefined : info.symbol(name));
  return { ...memory, info: { ...info, symbol } };
}

/** Names in VMCOREINFO of one kind, with what they stand for. */
function itemsOf(memory: KernelMemory, kind: string): string[] {
  return [...memory.info.items.keys()].flatMap((item) => {
    const match = /^(\w+)\(([\w.]+)\)$/.exec(item);
    return match?.[1] === kind && match[2] !== undefined ? [match[2]] : [];
  });
}

describeWithDumps("real dumps", () => {
  test.each(realDumps)("$name: symbols, exported and searched for", ({ name }) =>
    withMemory(name, (memory) => {
      const stext = memory.info.symbol("_stext") as bigint;
      const exported = findSymbols(memory);
      const searched = findSymbols(withoutExport(memory));
      for (const symbols of [exported, searched]) {
        expect(symbols?.address("_stext")).toBe(stext);
        const schedule = symbols?.address("schedule") ?? 0n;
        expect(symbols?.nearest(schedule + 1n)).toEqual({ name: "schedule", offset: 1n });
      }
      // Some functions of the list are of the kernel's own, some are aliases: the neighbours agree.
      for (const offset of [0x10n, 0x1234n, 0x23456n, 0x34567n]) {
        expect(searched?.nearest(stext + offset)).toEqual(exported?.nearest(stext + offset));
      }
    }),
  );

  test.skipIf(!hasReadelf)(
    "tiny-x86-6.1-nokaslr: every symbol where vmlinux has it (skipped without readelf)",
    async () => {
      const table = runTool("readelf", ["-sW", await realVmlinux()]).stdout;
      const linked = new Map<string, Set<bigint>>();
      for (const line of table.split("\n")) {
        const [, value, , , , , , name] = line.trim().split(/\s+/);
        if (value === undefined || name === undefined || !/^[0-9a-f]{16}$/.test(value)) continue;
        linked.set(name, (linked.get(name) ?? new Set()).add(BigInt(`0x${value}`)));
      }
      await withMemory("tiny-x86-6.1-nokaslr", (memory) => {
        const symbols = findSymbols(memory);
        let compared = 0;
        for (const [name, addresses] of linked) {
          for (const address of symbols?.addresses(name) ?? []) {
            expect(addresses.has(address), `${name} at ${address.toString(16)}`).toBe(true);
            compared++;
          }
        }
        expect(compared).toBeGreaterThan(17_000);
      });
    },
  );

  describe.each([
    { name: "x86-6.12-tiny", cpus: [0] },
    { name: "x86-6.1-kdump-tiny", cpus: undefined },
  ])("$name", ({ name, cpus }) => {
    test("sizes, offsets and numbers of VMCOREINFO are those of the types", () =>
      withMemory(name, (memory) => {
        const types = findTypes(memory, findSymbols(memory));
        expect(types?.source).toBe("BTF in memory");
        let compared = 0;
        for (const type of itemsOf(memory, "SIZE")) {
          const size = types?.sizeOf(type);
          // Some are sizes of variables.
          if (size === undefined) continue;
          expect(size, type).toBe(memory.info.size(type));
          compared++;
        }
        for (const item of itemsOf(memory, "OFFSET")) {
          const [type = "", ...path] = item.split(".");
          const member = types?.member(type, path.join("."));
          if (member === undefined) continue;
          expect(member.offset, item).toBe(memory.info.offset(item));
          compared++;
        }
        for (const constant of itemsOf(memory, "NUMBER")) {
          const value = types?.enumerator(constant);
          if (value === undefined) continue;
          expect(value, constant).toBe(memory.info.number(constant));
          compared++;
        }
        expect(compared).toBeGreaterThan(40);
      }));

    test("types are found by a scan too", () =>
      withMemory(name, (memory) => {
        const [known, found] = [findTypes(memory, findSymbols(memory)), findTypes(memory, undefined)];
        expect(found?.members("task_struct")).toEqual(known?.members("task_struct"));
        expect(found?.members("task_struct")?.length).toBeGreaterThan(100);
      }));

    test("the tasks of the machine, and what each CPU runs", () =>
      withMemory(name, (memory) => {
        const symbols = findSymbols(memory);
        const types = findTypes(memory, symbols);
        if (symbols === undefined || types === undefined) throw new Error("not found");
        const objects: KernelObjects = { memory, symbols, types };
        const init = symbols.address("init_task") as bigint;
        const head = memberAddress(objects, "task_struct", init, "tasks") as bigint;
        const comm = (task: bigint) => readText(memory, memberAddress(objects, "task_struct", task, "comm") ?? 0n, 16);
        const pid = (task: bigint) => readMember(objects, "task_struct", task, "pid");
        const walk = walkList(objects, head, "task_struct", "tasks", 10_000);
        const tasks: bigint[] = [];
        let step = walk.next();
        for (; step.done !== true; step = walk.next()) tasks.push(step.value);
        expect(step.value).toBe("end");
        expect([init, ...tasks.slice(0, 2)].map((task) => [pid(task), comm(task)])).toEqual([
          [0n, "swapper/0"],
          [1n, expect.stringMatching(/./)],
          [2n, "kthreadd"],
        ]);
        expect(new Set(tasks.map(pid)).size).toBe(tasks.length);

        const found = possibleCpus(objects) ?? [];
        if (cpus !== undefined) expect(found).toEqual(cpus);
        expect(found.length).toBeGreaterThan(0);
        for (const cpu of found) {
          const runqueue = perCpuAddress(objects, symbols.address("runqueues") ?? 0n, cpu) as bigint;
          expect(readMember(objects, "rq", runqueue, "cpu")).toBe(BigInt(cpu));
          const idle = readMember(objects, "rq", runqueue, "idle") as bigint;
          expect(comm(idle)).toBe(`swapper/${cpu}`);
        }
        expect(types.variable("runqueues")).toBe("struct rq");
      }));
  });

  test("a kernel without BTF has no types", () =>
    withMemory("tiny-x86-6.12", (memory) => expect(findTypes(memory, findSymbols(memory))).toBeUndefined()));
});
