/** Tasks and logs of real dumps, as a program of a user's reads them. */
import { expect, test } from "vitest";
import { type KernelTask, openDump, readKernelLog, tasksOf } from "../../src/index.js";
import { describeWithDumps, realDump, realVmlinux } from "../support/dumps.js";

async function tasks(name: string, options: Parameters<typeof tasksOf>[1] = {}): Promise<KernelTask[]> {
  const dump = openDump((await realDump(name)).vmcore);
  try {
    return [...tasksOf(dump, options)];
  } finally {
    dump.close();
  }
}

describeWithDumps("tasksOf", () => {
  test.each(["x86-6.12-tiny", "x86-6.1-kdump-tiny", "x86-5.10-tiny", "x86-7.2-tiny"])(
    "%s: each task once, with name, state and parent",
    async (name) => {
      const all = await tasks(name);
      expect(all.length).toBeGreaterThan(30);
      expect(new Set(all.map(({ address }) => address)).size).toBe(all.length);
      expect(new Set(all.map(({ pid }) => pid)).size).toBe(all.length);
      const [swapper, init, kthreadd] = [0, 1, 2].map((pid) => all.find((task) => task.pid === pid));
      expect(swapper).toMatchObject({ comm: "swapper/0", isKernelThread: true });
      expect(init).toMatchObject({ tgid: 1, parent: 0, isKernelThread: false });
      expect(kthreadd).toMatchObject({ comm: "kthreadd", state: "S", parent: 0, isKernelThread: true });
      // Threads of the kernel's own are children of kthreadd, and no others.
      for (const { pid, parent, isKernelThread } of all)
        expect(isKernelThread, `pid ${pid}`).toBe(pid === 0 || pid === 2 || parent === 2);
      expect(all.filter(({ comm }) => comm.startsWith("kworker/")).every(({ state }) => "IRD".includes(state))).toBe(
        true,
      );
      expect(all.every(({ state }) => "RSDITtXZ".includes(state))).toBe(true);
    },
  );

  test("tiny-x86-6.1-nokaslr with its vmlinux: the tasks that drgn lists", async () => {
    // drgn 0.0.22 and 0.3.0: 27 tasks beside the idle ones.
    const all = await tasks("tiny-x86-6.1-nokaslr", { vmlinux: await realVmlinux() });
    expect(all.filter(({ pid }) => pid !== 0)).toHaveLength(27);
  });

  test("a list that cannot be made is an error, not a machine without tasks: a kernel without types", async () => {
    const failure = await tasks("tiny-x86-6.12").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "CANNOT_FILTER", cure: expect.stringContaining("vmlinux") });
  });
});

describeWithDumps("readKernelLog", () => {
  test.each(["tiny-s390x-6.12", "tiny-riscv64-6.12-sv48"])(
    "%s, without a VMCOREINFO note: as dmesg has it",
    async (name) => {
      const dump = openDump((await realDump(name)).vmcore);
      try {
        expect(dump.vmcoreinfo).toBeUndefined();
        const texts = readKernelLog(dump).records.map(({ text }) => Buffer.from(text).toString("utf8"));
        expect(texts.length).toBeGreaterThan(50);
        expect(texts.some((text) => text.startsWith("Linux version 6.12"))).toBe(true);
      } finally {
        dump.close();
      }
    },
  );
});
