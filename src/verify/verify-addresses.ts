import type { KernelView } from "../kernel/kernel-view.js";
import { hasAddress, judgeAddresses } from "../kernel/segment-addresses.js";
import { layoutOfDump } from "../kernel/virtual-layout.js";
import { segmentsOf } from "../reader/attach.js";
import type { Dump } from "../reader/dump.js";
import type { Findings } from "./findings.js";

/**
 * Compares the virtual addresses of an ELF dump's segments with the kernel's page tables: gdb reads memory only by
 * these addresses. A dump without addresses (QEMU's without paging) is not wrong. Returns whether the addresses could
 * be checked.
 */
export function verifyAddresses(dump: Dump, view: KernelView | undefined, findings: Findings): boolean {
  const segments = segmentsOf(dump) ?? [];
  if (!segments.some(hasAddress)) return true;
  const layout = layoutOfDump(dump, view);
  if (layout === undefined) return false;
  const hex = (value: bigint | number) => `0x${value.toString(16)}`;
  judgeAddresses(segments, layout, dump).forEach((verdict, i) => {
    const segment = segments[i];
    if (verdict === "right" || segment === undefined) return;
    const { paddr, vaddr } = segment;
    const part = layout.directPart({ start: paddr, end: paddr + segment.memsz });
    const own = part === undefined ? "" : `; the kernel has ${hex(part.start)} at ${hex(part.vaddr)}`;
    const message =
      verdict === "wrong"
        ? `the segment of physical address ${hex(paddr)} has virtual address ${hex(vaddr)}, where the kernel's page tables do not have it${own}`
        : `the segment of physical address ${hex(paddr)} has no virtual address${own}`;
    findings.add({ kind: "address", message, file: dump.paths[0] ?? "", pfn: Math.floor(paddr / dump.pageSize) });
  });
  return true;
}
