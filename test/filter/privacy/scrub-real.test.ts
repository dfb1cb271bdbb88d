/** What --privacy overwrites in real dumps, and that verify tells that from damage and loss. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { privacyExtras } from "../../../src/filter/privacy/privacy-names.js";

import { logOfKernel } from "../../../src/kernel/log/read-log.js";
import { kernelOf } from "../../../src/library/kernel-of.js";
import { openDump } from "../../../src/reader/open.js";
import { verifyDump } from "../../../src/verify/verify-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { WorkerThreads } from "../../../src/worker/threads.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns } from "../../support/golden.js";
import { failureOf, failureOfAsync } from "../../support/open.js";
import { openElf } from "../../support/other-elf.js";
import { openKdump } from "../../support/other-kdump.js";

const PAGE = 4096;
const folder = temporaryFolder();
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());
const at = (name: string) => join(folder, name);

/** Bytes of a kdump output that are not the original's, by other readers; and how many of those are not 0. */
function changes(original: string, output: string): { changed: number; notZero: number } {
  const before = openElf(original);
  const kdump = openKdump(output);
  let changed = 0;
  let notZero = 0;
  let index = 0;
  for (const pfn of bitmapPfns(kdump.bitmap2)) {
    const page = kdump.content(kdump.descriptor(index++));
    const old = before.page(pfn, PAGE) ?? Buffer.alloc(PAGE);
    if (page.equals(old)) continue;
    for (let i = 0; i < PAGE; i++) {
      if (page[i] === old[i]) continue;
      changed++;
      if (page[i] !== 0) notZero++;
    }
  }
  kdump.close();
  before.close();
  return { changed, notZero };
}

describeWithDumps("overwritten by --privacy", () => {
  test("Debian 6.12, with all there is: zeros only, as many as are told, and verify calls them erased", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const options = { privacy: true, privacyExtra: ["registers", "tty"], workers: threads } as const;
    const { privacy, warnings } = await filterFile(vmcore, at("all"), options);
    const overwritten = privacy?.overwritten ?? {};
    expect(warnings).toEqual([]);
    expect(Object.keys(overwritten).length).toBe(16);
    for (const kind of [
      "free-objects",
      "slab-padding",
      "unwritten",
      "old-frames",
      "registers",
      "vector-registers",
      "tty",
    ] as const) {
      expect(overwritten[kind]?.objects, kind).toBeGreaterThan(1);
    }
    expect(overwritten.screens?.objects).toBe(1);
    // No slab's lists were in doubt.
    expect(privacy?.remains.join()).not.toMatch(/could not|lacks|no types/);
    const { changed, notZero } = changes(vmcore, at("all"));
    const bytes = Object.values(overwritten).reduce((sum, count) => sum + count.bytes, 0);
    expect(notZero).toBe(0);
    expect(changed).toBeGreaterThan(bytes / 25);
    expect(changed).toBeLessThanOrEqual(bytes);
    const result = await verifyDump(at("all"), { against: vmcore, workers: threads });
    expect(result).toMatchObject({ whole: true, comparison: { privacy: true, different: 0 } });
    expect(result.comparison?.erased).toBeGreaterThan(100);
    expect(result.comparison?.classes).toMatchObject({ kept: 0 });
    expect(result.comparison?.classes?.unreferenced).toBeGreaterThan(0);
  });

  test("Debian 7.2: objects in sheaves count as free, and no slab contradicts them", async () => {
    const { vmcore } = await realDump("x86-7.2-tiny");
    const { privacy } = await filterFile(vmcore, at("sheaves"), { privacy: true, workers: threads });
    // 2,403 are on lists, 6,151 with those in sheaves.
    expect(privacy?.overwritten["free-objects"]?.objects).toBeGreaterThan(4000);
    expect(privacy?.remains.join()).not.toMatch(/sheaves|free objects could not be told/);
    const result = await verifyDump(at("sheaves"), { against: vmcore, workers: threads });
    expect(result).toMatchObject({ whole: true, comparison: { different: 0 } });
  });

  test("the stack on which x86-64 enters the kernel is overwritten whole", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const { privacy } = await filterFile(vmcore, at("entry"), {
      ...{ privacy: true, privacyExtra: ["registers"], workers: threads },
    });
    const stack = (path: string) => {
      const dump = openDump(path);
      try {
        const kernel = kernelOf(dump);
        const offset = kernel.readWord(kernel.symbol("__per_cpu_offset") ?? 0n) ?? 0n;
        const address = BigInt.asUintN(64, offset + (kernel.symbol("entry_stack_storage") ?? 0n));
        return Buffer.from(kernel.readVirtual(address, PAGE) ?? []);
      } finally {
        dump.close();
      }
    };
    const [before, after] = [stack(vmcore), stack(at("entry"))];
    // The frame of the last entry from user mode: its code segment.
    expect(before.readBigUInt64LE(PAGE - 32) & 3n).toBe(3n);
    expect(after.equals(Buffer.alloc(PAGE))).toBe(true);
    // Beside it, the frames of the tasks that were in user mode.
    expect(privacy?.overwritten.registers).toEqual({ objects: 4, bytes: PAGE + 3 * 152 });
  });

  test("ELF: pages that were overwritten from end to end are there", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    await filterFile(vmcore, at("elf"), { privacy: true, format: "elf", workers: threads });
    const result = await verifyDump(at("elf"), { against: vmcore, workers: threads });
    expect(result).toMatchObject({ whole: true, comparison: { privacy: true, different: 0 } });
  });

  test.each(["tiny-x86-6.1", "tiny-s390x-6.12"])(
    "%s has no types: registers go, and the rest is said",
    async (name) => {
      const { vmcore } = await realDump(name);
      const options = { privacy: true, privacyExtra: ["registers", "tty", "log"], workers: threads } as const;
      const { privacy, warnings } = await filterFile(vmcore, at(name), options);
      expect(privacy?.overwritten).toMatchObject({ registers: { objects: 2, bytes: 304 } });
      expect(Object.keys(privacy?.overwritten ?? {}).sort()).toEqual(["log", "registers"]);
      const said = [
        /what keyrings hold/,
        /calls and interrupts that have ended/,
        /reserve_mem=/,
        /on their way to consoles/,
        /kmsg/,
      ];
      for (const words of said) expect(privacy?.remains.join()).toMatch(words);
      expect(warnings).toMatchObject([{ code: "PRIVACY_GAP", count: 2 }]);
      expect(privacy?.remains.join()).toMatch(/slab pages were not looked into.*vector registers.*terminal buffers/);
      expect((await verifyDump(at(name), { against: vmcore, workers: threads })).whole).toBe(true);
    },
  );

  test("verify: an output with --erase; a byte that nothing erased is still a different page", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-nokaslr");
    const dump = openDump(vmcore, new Warnings());
    const start = dump.memory.next(0x100_0000);
    dump.close();
    const rules = `physical 0x${start.toString(16)} size 64`;
    await filterFile(vmcore, at("erased"), { level: 0, erase: rules, workers: threads });
    const result = await verifyDump(at("erased"), { against: vmcore, workers: threads });
    expect(result).toMatchObject({ whole: true, comparison: { privacy: false, erased: 1, different: 0 } });
    const bytes = readFileSync(at("erased"));
    const place = bytes.indexOf(Buffer.alloc(64, "X"));
    bytes[place + 70] = (bytes[place + 70] as number) ^ 0x21;
    bytes[place + 71] = 0x59;
    writeFileSync(at("erased"), bytes);
    const wrong = await verifyDump(at("erased"), { against: vmcore, workers: threads });
    expect(wrong).toMatchObject({ whole: false, comparison: { erased: 0, different: 1 } });
  });

  test("the log's texts, the host's names and command lines; the log's records stay", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const count = (path: string, text: string) => readFileSync(path).toString("latin1").split(text).length - 1;
    const line = /Kernel command line: (\S+ \S+)/.exec(readFileSync(vmcore).toString("latin1"))?.[1] ?? "";
    expect(line.length).toBeGreaterThan(10);
    await filterFile(vmcore, at("talks"), { privacy: true, workers: threads });
    expect(count(at("talks"), line)).toBeGreaterThan(1);
    expect(count(at("talks"), "Linux version")).toBeGreaterThan(1);
    const extras = { privacy: true, privacyExtra: ["log", "host"], workers: threads } as const;
    const { privacy, warnings } = await filterFile(vmcore, at("silent"), extras);
    expect(warnings).toEqual([]);
    expect(privacy?.overwritten.host?.objects).toBeGreaterThan(1);
    expect(count(at("silent"), line)).toBe(0);
    // The banner is in the image twice at most: as a constant, and as what /proc/version is made of.
    expect(count(at("silent"), "Linux version")).toBeLessThan(count(at("talks"), "Linux version"));
    const dump = openDump(at("silent"), new Warnings());
    const { records } = logOfKernel(dump);
    dump.close();
    expect(records.length).toBeGreaterThan(100);
    expect(records.every(({ text }) => text.every((byte) => byte === 0))).toBe(true);
  });

  test("names that are none, and without --privacy: BAD_OPTION", async () => {
    expect(failureOf(() => privacyExtras(["tty", "fpu"])).code).toBe("BAD_OPTION");
    const { vmcore } = await realDump("tiny-x86-6.1");
    expect((await failureOfAsync(() => filterFile(vmcore, at("no"), { privacyExtra: ["tty"] }))).code).toBe(
      "BAD_OPTION",
    );
  });
});
