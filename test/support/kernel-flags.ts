/** The kept pages of a real dump, against what its kernel said of them moments before the dump, and against pages whose content was written on purpose. */
import { readFileSync } from "node:fs";
import type { RealDump } from "./dumps.js";
import { bitmapPfns } from "./golden.js";
import { openKdump } from "./other-kdump.js";

/** Bit numbers of /proc/kpageflags (include/uapi/linux/kernel-page-flags.h); 32 is of the kernel's own ones. */
const KPF = { lru: 5, slab: 7, buddy: 10, anon: 12, huge: 17, hwpoison: 19, offline: 23, pageTable: 26, reserved: 32 };

/** The pages that a kdump file has, and those that its machine has. */
export function pagesOf(path: string): { kept: Set<number>; exists: number[] } {
  const { bitmap1, bitmap2, facts, close } = openKdump(path);
  close();
  const absolute = (bitmap: Uint8Array) => [...bitmapPfns(bitmap)].map((pfn) => facts.firstPfn + pfn);
  return { kept: new Set(absolute(bitmap2)), exists: absolute(bitmap1) };
}

/** Some tools write the flags in the guest's byte order, others little-endian: no kernel has flags in the highest bits. */
function flagsOf(path: string): (pfn: number) => bigint {
  const flags = readFileSync(path);
  let [first, last] = [0, 0];
  for (let at = 0; at + 8 <= flags.length; at += 8) {
    if (flags[at] !== 0) first++;
    if (flags[at + 7] !== 0) last++;
  }
  return last > first ? (pfn) => flags.readBigUInt64BE(pfn * 8) : (pfn) => flags.readBigUInt64LE(pfn * 8);
}

/** Pages kept or dropped against what the kernel said of them. */
export function contradictions(
  dump: Pick<RealDump, "kpageflags">,
  exists: readonly number[],
  kept: ReadonlySet<number>,
) {
  const pages = readFileSync(dump.kpageflags).length / 8;
  const flagsAt = flagsOf(dump.kpageflags);
  const found = {
    keptBuddy: 0,
    keptAnonymous: 0,
    keptCache: 0,
    keptHuge: 0,
    droppedSlab: 0,
    droppedPageTables: 0,
    droppedReserved: 0,
    droppedOther: 0,
  };
  for (const pfn of exists) {
    // Memory that the kernel has no struct page for has no flags either.
    if (pfn >= pages) continue;
    const word = flagsAt(pfn);
    const has = (bit: number) => ((word >> BigInt(bit)) & 1n) === 1n;
    if (kept.has(pfn)) {
      if (has(KPF.buddy)) found.keptBuddy++;
      else if (has(KPF.anon)) found.keptAnonymous++;
      else if (has(KPF.huge)) found.keptHuge++;
      else if (has(KPF.lru)) found.keptCache++;
    } else if (has(KPF.slab)) found.droppedSlab++;
    else if (has(KPF.pageTable)) found.droppedPageTables++;
    else if (has(KPF.reserved)) found.droppedReserved++;
    else if (![KPF.buddy, KPF.anon, KPF.huge, KPF.lru, KPF.hwpoison, KPF.offline].some(has)) found.droppedOther++;
  }
  return found;
}

/** Pages of known content that were kept, by kind. All kinds with a pfn are to be dropped at level 31. */
export function keptOnPurpose(dump: Pick<RealDump, "truth">, kept: ReadonlySet<number>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of readFileSync(dump.truth, "utf8").split("\n")) {
    const [kind, , , pfn] = line.split(" ");
    if (kind === undefined || pfn === undefined || Number.parseInt(pfn, 16) === 0) continue;
    if (kept.has(Number.parseInt(pfn, 16))) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
