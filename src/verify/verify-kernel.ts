import { readVirtual } from "../kernel/address-space.js";
import { whyNotClassified } from "../kernel/cannot-filter.js";
import { attachSpace, type KernelView, whatIsLost } from "../kernel/kernel-view.js";
import { hasAddress, judgeAddresses } from "../kernel/segment-addresses.js";
import { layoutOfDump } from "../kernel/virtual-layout.js";
import { segmentsOf } from "../reader/attach.js";
import type { Dump } from "../reader/dump.js";
import { noVmcoreinfo } from "../reader/find-in-memory.js";
import type { Session } from "../run/own-session.js";
import type { Findings } from "./findings.js";

/** The result of looking for the kernel. */
interface VerifiedKernel {
  readonly view: KernelView | undefined;
  /** Number of addresses in VMCOREINFO that were followed, and how many lead to memory that the dump has. */
  readonly symbols: number;
  readonly symbolsFound: number;
  /** Why the kernel was not looked for; `undefined` if it was. */
  readonly notChecked: string | undefined;
}

/**
 * Looks for the kernel where VMCOREINFO says it is: through its page tables, its own utsname must be found, with the
 * release that VMCOREINFO and the header name, and its other symbols must lead to memory that the dump has.
 */
export function verifyKernel({ dump, view, whyNoView }: Session, findings: Findings): VerifiedKernel {
  const file = dump.paths[0] ?? "";
  const info = dump.vmcoreinfo;
  const none = { view: undefined, symbols: 0, symbolsFound: 0 };
  if (info === undefined) return { ...none, notChecked: `it has ${noVmcoreinfo(dump)}` };
  const releases = [
    ["the header", dump.header.utsname?.release],
    ["VMCOREINFO", info.osrelease],
  ].filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== "");
  if (info.osrelease === undefined) findings.add({ kind: "vmcoreinfo", message: "VMCOREINFO has no OSRELEASE", file });
  if (view === undefined) {
    if (whyNoView?.code !== "CANNOT_FILTER") throw whyNoView;
    const why = whyNotClassified(whyNoView);
    if (whyNoView.subcode === "MACHINE_UNSUPPORTED" || whyNoView.subcode === "XEN_HOST")
      return { ...none, notChecked: why };
    findings.add({ kind: "kernel", message: why, file });
    return { ...none, notChecked: undefined };
  }
  if (view.lost !== undefined) findings.add({ kind: "kernel", message: whatIsLost(view.lost), file });
  for (const [where, release] of releases) {
    if (release === view.utsname.release) continue;
    const message = `${where} names kernel ${JSON.stringify(release)}, its memory ${JSON.stringify(view.utsname.release)}`;
    findings.add({ kind: "kernel", message, file });
  }
  return { view, notChecked: undefined, ...followSymbols(dump, view, findings) };
}

/** On riscv64 and arm64 this is where the struct page of pfn 0 would be, but their memory begins later. */
const NO_OBJECT = "vmemmap";

/**
 * Whether memory that is not in the file is in one of its segments all the same: ELF files leave out pages of zeros, and
 * are read as if they had them. On ARM the lower half of swapper_pg_dir is such a page. An incomplete file lacks other
 * pages, too.
 */
function readsAsZeros({ header, ranges }: Dump, paddr: number): boolean {
  if (header.format !== "elf" || header.incomplete) return false;
  return ranges.some(({ start, end }) => start <= paddr && paddr < end);
}

/** Follows every SYMBOL() that is a kernel address. */
function followSymbols(dump: Dump, { space, lowestAddress }: KernelView, findings: Findings) {
  const attached = attachSpace(space, dump.memory);
  const word = new Uint8Array(dump.machine.wordSize);
  let symbols = 0;
  let symbolsFound = 0;
  for (const key of dump.vmcoreinfo?.items.keys() ?? []) {
    const name = /^SYMBOL\((.*)\)$/.exec(key)?.[1];
    const address = name === undefined ? undefined : dump.vmcoreinfo?.symbol(name);
    if (name === undefined || name === NO_OBJECT || address === undefined || address < lowestAddress) continue;
    symbols++;
    if (readVirtual(attached, dump.memory, word, address) === word.length) {
      symbolsFound++;
      continue;
    }
    const translation = attached.translate(address);
    if (translation !== undefined && readsAsZeros(dump, translation.paddr)) {
      symbolsFound++;
      continue;
    }
    const where =
      translation === undefined
        ? "is not mapped"
        : `leads to physical address 0x${translation.paddr.toString(16)}, which is not in the dump`;
    const pfn = translation === undefined ? {} : { pfn: Math.floor(translation.paddr / dump.pageSize) };
    const message = `${name} (0x${address.toString(16)}) ${where}`;
    findings.add({ kind: "symbol", message, file: dump.paths[0] ?? "", ...pfn });
  }
  return { symbols, symbolsFound };
}

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
