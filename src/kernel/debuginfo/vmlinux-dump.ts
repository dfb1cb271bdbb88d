import { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import type { Dump } from "../../reader/dump.js";
import { endError, warnOfEnd } from "../../reader/find-in-memory.js";
import { type Machine, mayBeOf } from "../../reader/machine.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import { Warnings } from "../../warnings.js";
import { archSupport } from "../arch/archs.js";
import { moved, type Relocation } from "../arch/relocation.js";
import { attachSpace, kernelView } from "../kernel-view.js";
import { maySearch } from "../may-search.js";
import { withVmcoreinfo } from "../with-vmcoreinfo.js";
import { type Banner, bannerAt, buildOfBanner, findBanners, releaseOfBanner } from "./find-banner.js";
import { makeVmcoreinfo } from "./make-vmcoreinfo.js";
import { openVmlinux, type Vmlinux } from "./vmlinux.js";
import { type KernelImage, kernelImage } from "./vmlinux-image.js";

/**
 * The dump with a VMCOREINFO made from its kernel's vmlinux. The kernel is found by its banner, which is the same in
 * memory and in the vmlinux. Variables in its image show how it was moved. Before the result is used it is checked:
 * through the kernel's page tables the banner must be where it was found, and struct pages must be there. Reads all
 * memory once; of a machine's own live memory it reads only what the note leads to (may-search.ts). Throws `BAD_OPTION`
 * for a vmlinux of another kernel, `CANNOT_FILTER` if the kernel's memory is not found, and what `openVmlinux` throws.
 */
export function* dumpWithVmlinux(dump: Dump, given: GivenFile, original: Dump, warnings: Warnings): LongWork<Dump> {
  const vmlinux = openVmlinux(given);
  try {
    return yield* complete(dump, vmlinux, original, warnings);
  } finally {
    vmlinux.close();
  }
}

interface Tried {
  readonly dump: Dump;
  readonly pages: number;
}

function* complete(dump: Dump, vmlinux: Vmlinux, original: Dump, warnings: Warnings): LongWork<Dump> {
  checkMachine(dump, vmlinux);
  const address = vmlinux.linked("linux_banner")?.address;
  if (address === undefined) {
    throw new DumpError(
      "BAD_OPTION",
      "has no symbol linux_banner, which coresieve needs to find the kernel in memory",
      {
        file: vmlinux.name,
        cure: "Give the vmlinux of the kernel that was dumped, not the debug file of a module or a program",
      },
    );
  }
  const search = maySearch(dump)
    ? yield* findBanners(dump.memory)
    : { found: bannerOfNote(original, vmlinux, address), damage: undefined, endedAt: undefined };
  const { found: banners, damage } = search;
  warnOfEnd(search, dump, warnings);
  const places = banners
    .filter(({ paddr, text }) => {
      const fits = BigInt(paddr) % SMALLEST_PAGE === address % SMALLEST_PAGE;
      return fits && (vmlinux.banner === undefined || text === vmlinux.banner);
    })
    .map((banner) => ({ banner, image: kernelImage(vmlinux, dump.memory, address, banner.paddr) }))
    .filter(({ image }) => isSameBuild(vmlinux, image));
  const tried: Tried[] = [];
  let reason = "";
  for (const { banner, image } of places) {
    for (const one of texts(dump, image, address, banner)) {
      const result = tryText(dump, original, vmlinux, one, banner, address);
      if (typeof result === "string") reason ||= result;
      else tried.push(result);
      yield;
    }
  }
  // There may be two kernels of one build: the crash kernel that was to write the dump has less memory.
  const [best] = tried.sort((a, b) => b.pages - a.pages);
  if (best !== undefined) return best.dump;
  if (damage !== undefined) throw damage;
  const ended = banners.length === 0 ? endError(search, dump) : undefined;
  if (ended !== undefined) throw ended;
  if (places.length === 0 || vmlinux.banner === undefined) throw wrongVmlinux(vmlinux, original, banners);
  throw new DumpError("CANNOT_FILTER", `the kernel of ${vmlinux.name} is in its memory, but ${reason}`, {
    file: dump.paths[0] ?? "",
    cure: "Levels 0 and 1 need no vmlinux",
  });
}

/**
 * The banner of the kernel to which the dump's own VMCOREINFO leads. Throws `CANNOT_FILTER` if it does not lead to a
 * kernel, and `BAD_OPTION` for another kernel's vmlinux.
 */
function bannerOfNote(original: Dump, vmlinux: Vmlinux, address: bigint): Banner[] {
  const { space } = kernelView(original, new Warnings());
  const named = original.vmcoreinfo?.symbol("init_uts_ns");
  const linked = vmlinux.linked("init_uts_ns")?.address;
  if (named === undefined || linked === undefined) return [];
  const moved = BigInt.asUintN(original.machine.wordSize * 8, address + named - linked);
  const paddr = attachSpace(space, original.memory).translate(moved)?.paddr;
  const text = paddr === undefined ? undefined : bannerAt(original.memory, paddr);
  return paddr === undefined || text === undefined ? [] : [{ paddr, text }];
}

/**
 * Whether both have the same build id. Builds of the same source at the same time may have equal banners, but not equal
 * build ids.
 */
function isSameBuild(vmlinux: Vmlinux, image: KernelImage): boolean {
  const inMemory = vmlinux.buildId === undefined ? undefined : image.buildId();
  return inMemory === undefined || inMemory === vmlinux.buildId;
}

/** The smallest page size of all machines. */
const SMALLEST_PAGE = 4096n;

interface MadeText {
  readonly text: string;
  readonly relocation: Relocation;
}

function texts(dump: Dump, image: KernelImage, address: bigint, { paddr, text }: Banner): MadeText[] {
  const pageSize = kernelPageSize(image.vmlinux) ?? dump.pageSize;
  return relocations(image, address, paddr).map((relocation) => ({
    relocation,
    text: makeVmcoreinfo(image, relocation, text, pageSize),
  }));
}

/** The dump with this text, or the reason why the text does not fit its kernel. */
function tryText(
  dump: Dump,
  original: Dump,
  vmlinux: Vmlinux,
  { text, relocation }: MadeText,
  banner: Banner,
  address: bigint,
): Tried | string {
  const isNamed = !dump.machineGuessed && vmlinux.machine.arch === dump.machine.arch;
  const machine = isNamed ? dump.machine : vmlinux.machine;
  const withText = withVmcoreinfo(dump, `${text}${crashTime(original, banner)}`, machine);
  try {
    const { space, utsname, memMap } = kernelView(withText, new Warnings());
    const moved = BigInt.asUintN(machine.wordSize * 8, address + relocation.shift);
    const place = attachSpace(space, withText.memory).translate(moved)?.paddr;
    if (place !== banner.paddr) return "its page tables do not map it where it lies";
    if (utsname.release !== releaseOfBanner(banner.text)) return `its memory names ${utsname.release}`;
    let pages = 0;
    for (let i = 0; i < memMap.count; i++) pages += (memMap.endPfn[i] as number) - (memMap.startPfn[i] as number);
    return { dump: withText, pages };
  } catch (error) {
    // A copy of the kernel's file in the page cache leads nowhere.
    if (error instanceof DumpError) return error.reason;
    throw error;
  }
}

/** The crash time in the note, if the note is of the same kernel. There is no other source for it. */
function crashTime({ vmcoreinfo }: Dump, { text }: Banner): string {
  const known = vmcoreinfo?.osrelease === releaseOfBanner(text) ? vmcoreinfo.crashTime : undefined;
  return known === undefined ? "" : `CRASHTIME=${known}\n`;
}

function checkMachine(dump: Dump, { machine, name }: Vmlinux): void {
  if (dump.machineGuessed || mayBeOf(dump.machine.arch, machine.arch)) return;
  throw new DumpError("BAD_OPTION", `is of a kernel for ${machine.arch}, but the dump is of ${dump.machine.arch}`, {
    file: name,
    cure: "Give the vmlinux of the kernel that was dumped",
  });
}

/** The error for a vmlinux whose banner is not in memory. */
function wrongVmlinux(vmlinux: Vmlinux, original: Dump, banners: readonly Banner[]): DumpError {
  const { banner, name } = vmlinux;
  const counts = new Map<string, number>();
  for (const { text } of banners) counts.set(text, (counts.get(text) ?? 0) + 1);
  const [found] = [...counts].sort((a, b) => b[1] - a[1]).map(([text]) => text);
  const named = original.vmcoreinfo?.osrelease ?? (original.header.utsname?.release || undefined);
  const known = named ?? (found === undefined ? undefined : releaseOfBanner(found));
  const release = banner === undefined ? "an unknown kernel" : `kernel ${releaseOfBanner(banner)}`;
  const cure = "Give the vmlinux of exactly the kernel that was dumped: its package has the same version";
  if (known === undefined) {
    return new DumpError("BAD_OPTION", `is of ${release}, and the dump's memory has no kernel's banner`, {
      file: name,
      cure,
    });
  }
  const what =
    banner === undefined || known !== releaseOfBanner(banner)
      ? `is of ${release}, but the dump is of ${known}`
      : `is of another build of kernel ${known}${builds(vmlinux, original, found)}`;
  return new DumpError("BAD_OPTION", what, { subcode: "OTHER_KERNEL", file: name, cure });
}

/** How the builds differ: their banners, otherwise their build ids. */
function builds({ banner, buildId }: Vmlinux, original: Dump, found: string | undefined): string {
  if (banner !== undefined && found !== undefined && banner !== found) {
    return `: ${buildOfBanner(banner)}, but the dump is of ${buildOfBanner(found)}`;
  }
  const other = original.vmcoreinfo?.buildId;
  if (buildId === undefined || other === undefined || other === buildId) return " than the dump";
  return `: build id ${buildId}, but the dump is of ${other}`;
}

/**
 * Bytes of a page. If the architecture has several page sizes, it is the size of the kernel's page of zeros;
 * `undefined` if that is not known.
 */
function kernelPageSize(vmlinux: Vmlinux): number | undefined {
  const fixed = FIXED_PAGE_SIZES[vmlinux.machine.arch];
  if (fixed !== undefined) return fixed;
  const size = vmlinux.linked("empty_zero_page")?.size ?? 0;
  return [4096, 8192, 16384, 65536].includes(size) ? size : undefined;
}

const FIXED_PAGE_SIZES: Partial<Record<Machine["arch"], number>> = {
  x86_64: 4096,
  i386: 4096,
  arm: 4096,
  s390x: 4096,
  riscv64: 4096,
  sparc64: 8192,
};

/**
 * The ways in which a kernel at a known physical place may be mapped: variables in its image say it, otherwise it is
 * where it was linked. Most architectures have one answer. `bannerAddress` is a link address, `paddr` its physical
 * address.
 */
function relocations(image: KernelImage, bannerAddress: bigint, paddr: number): readonly Relocation[] {
  const support = archSupport(image.vmlinux.machine.arch);
  return support?.relocations?.({ image, address: bannerAddress, paddr: BigInt(paddr) }) ?? moved(0n);
}
