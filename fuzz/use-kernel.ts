import { eraseRequest, eraseRun } from "../src/filter/erase/erase-run.js";
import { dropFreeLists, marksFreePages } from "../src/filter/free-lists.js";
import { initialPlan } from "../src/filter/plan.js";
import { policyOfLevel } from "../src/filter/policy.js";
import { privacyView } from "../src/filter/privacy/privacy-view.js";
import { checkFreeCount, selfCheck } from "../src/filter/self-check/self-check.js";
import { type Btf, openBtf } from "../src/kernel/debuginfo/btf.js";
import { btfTypes } from "../src/kernel/debuginfo/btf-types.js";
import { findSymbols, findTypes } from "../src/kernel/debuginfo/memory-debuginfo.js";
import { kernelView, viewMemory } from "../src/kernel/kernel-view.js";
import { logOfKernel } from "../src/kernel/log/read-log.js";
import { walkList } from "../src/kernel/objects/kernel-objects.js";
import { kindReader } from "../src/kernel/page/kind-reader.js";
import { virtualLayout } from "../src/kernel/virtual-layout.js";
import { kernelOf, readKernelLog } from "../src/library/kernel-of.js";
import { tasksOf } from "../src/library/tasks-of.js";
import { copyOfBitmap } from "../src/reader/bitmap.js";
import type { Dump } from "../src/reader/dump.js";
import { readPhysical } from "../src/reader/read-physical.js";
import { Warnings } from "../src/warnings.js";
import { evenRanges } from "../src/worker/chunks.js";
import { SCAN_PAGES } from "../src/worker/classify-pages.js";
import { scanPages, scanState } from "../src/worker/scan.js";
import { btfImage } from "../test/support/btf-image.js";
import { attempt } from "./look.js";

const RULES = eraseRequest({
  name: "rules",
  text: "physical 0x1000-0x2000\n? symbol init_uts_ns size 64\n? symbol log_buf\n? slab kmalloc-64\n",
});

const MOST_ENTRIES = 1 << 16;
const MOST_TASKS = 2000;
const LISTS = btfTypes(
  openBtf(
    btfImage([
      { kind: 2, value: 2 },
      { kind: 4, name: "list_head", vlen: 2, value: 16, words: ["next", 1, 0, "prev", 1, 64] },
    ]),
  ) as Btf,
  8,
  "fuzz",
);

/**
 * Does with a kernel what all commands do: the view, its checks, free lists, every page's class with and without
 * --privacy, kinds, the log; with `search` what looks for symbols and types in all of memory, too: them, kernel objects and erase rules, which take
 * four fifths of the time. Throws what the view does.
 */
export function useKernel(dump: Dump, search = true): void {
  attempt(() => logOfKernel(dump));
  const warnings = new Warnings();
  const found = kernelView(dump, warnings);
  const { memMap, maxMapnr } = found;
  for (let i = 0; i < memMap.count; i++) {
    const [start, end] = [memMap.startPfn[i] as number, memMap.endPfn[i] as number];
    if (!(start >= 0 && start < end && Number.isSafeInteger(end)))
      throw new Error(`struct pages of ${start} to ${end}`);
  }
  if (maxMapnr > dump.maxMapnr) throw new Error(`maxMapnr ${maxMapnr} above the dump's ${dump.maxMapnr}`);
  const plan = initialPlan(dump, found);
  attempt(() => {
    const { view, policy } = selfCheck(dump, found, policyOfLevel(31), plan, warnings);
    if (policy.free && !marksFreePages(view.layout)) dropFreeLists(dump, view, plan, warnings);
    const privacy = attempt(() => privacyView(dump, view).view);
    for (const each of [policy, ...(privacy === undefined ? [] : [{ ...policy, privacy }])]) {
      const context = { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy: each };
      const kept = copyOfBitmap(plan.kept);
      const state = scanState(dump.memory, dump.pageSize, kept, context);
      for (const range of evenRanges(kept, plan.maxMapnr, SCAN_PAGES)) scanPages(state, range);
    }
    checkFreeCount(dump, view, 100, plan.inputPages, warnings);
    kindReader(dump, view).read(0, Math.min(1024, plan.maxMapnr), new Uint8Array(1024));
  });
  attempt(() => virtualLayout(dump, found));
  const memory = search ? viewMemory(dump, found) : undefined;
  if (memory === undefined) return;
  attempt(() => {
    const head = dump.vmcoreinfo?.symbol("vmap_area_list") ?? dump.vmcoreinfo?.symbol("node_online_map");
    const entries =
      head === undefined ? [] : walkList({ memory, types: LISTS }, head, "list_head", "next", MOST_ENTRIES);
    for (const entry of entries) if (entry < 0n) throw new Error("an entry below 0");
    findTypes(memory, findSymbols(memory));
  });
  attempt(() => useObjects(dump));
  attempt(() => readKernelLog(dump, true));
  attempt(() => {
    let tasks = 0;
    for (const { comm } of tasksOf(dump)) {
      if (comm.length > 15) throw new Error(`a name of ${comm.length} bytes`);
      if (++tasks > MOST_TASKS) return;
    }
  });
  attempt(() => eraseRun(RULES, dump, found, undefined, warnings));
}

/** What users of the library ask of a kernel. */
function useObjects(dump: Dump): void {
  const kernel = kernelOf(dump);
  try {
    const head = kernel.symbol("init_uts_ns") ?? 0n;
    for (const address of [head, 0n, (1n << 64n) - 8n]) {
      kernel.readText(address, 100);
      kernel.readWord(address);
      const paddr = kernel.physicalAddress(address);
      if (paddr !== undefined) readPhysical(dump, paddr, 100);
      kernel.readMember("list_head", address, "next");
      let steps = 0;
      for (const _ of kernel.walkList(address, "list_head", "next", 1000))
        if (++steps > 1000) throw new Error("a longer list");
    }
    for (const cpu of kernel.cpus ?? []) attempt(() => kernel.perCpu(head, cpu));
  } finally {
    kernel.close();
  }
}
