import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";
import type { Arch } from "../../reader/machine.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import { cannotFilter } from "../cannot-filter.js";
import type { ArchSupport, FoundSpace, KnownMaps, RootedSpace, TableRescue } from "./arch-support.js";
import { ARM } from "./arm/row.js";
import type { ArmSpace } from "./arm/space.js";
import { ARM64 } from "./arm64/row.js";
import type { Arm64Space } from "./arm64/space.js";
import { fixedAddressSpace, type LinearSpace } from "./fixed-maps.js";
import { I386 } from "./i386/row.js";
import type { I386Space } from "./i386/space.js";
import { IA64, type Ia64Space } from "./ia64.js";
import { LOONGARCH64, type Loongarch64Space } from "./loongarch64.js";
import { rescueTables } from "./lost-tables.js";
import { MIPS, MIPS64 } from "./mips.js";
import { PPC32 } from "./ppc32.js";
import { PPC64 } from "./ppc64/row.js";
import type { Ppc64Space } from "./ppc64/space.js";
import { RISCV64 } from "./riscv64/row.js";
import type { Riscv64Space } from "./riscv64/space.js";
import { S390X } from "./s390x/row.js";
import type { S390xSpace } from "./s390x/space.js";
import { SPARC64, type Sparc64Space } from "./sparc64.js";
import { withTablesBelow } from "./tables-below.js";
import { X86_64 } from "./x86_64/row.js";
import type { X86_64Space } from "./x86_64/space.js";

/** Every architecture whose kernels coresieve knows, by `Machine.arch`. */
interface SpaceImages {
  readonly x86_64: X86_64Space;
  readonly i386: I386Space;
  readonly arm64: Arm64Space;
  readonly arm: ArmSpace;
  readonly s390x: S390xSpace;
  readonly riscv64: Riscv64Space;
  readonly ppc64: Ppc64Space;
  readonly loongarch64: Loongarch64Space;
  readonly mips64: LinearSpace;
  readonly mips: LinearSpace;
  readonly ppc32: LinearSpace;
  readonly ia64: Ia64Space;
  readonly sparc64: Sparc64Space;
}

/** Page tables and fixed mappings of any architecture, as plain data. */
export type SpaceImage = SpaceImages[keyof SpaceImages] & KnownMaps;

const ROWS: { readonly [A in keyof SpaceImages]: ArchSupport<SpaceImages[A]> } = {
  x86_64: X86_64,
  i386: I386,
  arm64: ARM64,
  arm: ARM,
  s390x: S390X,
  riscv64: RISCV64,
  ppc64: PPC64,
  loongarch64: LOONGARCH64,
  mips64: MIPS64,
  mips: MIPS,
  ppc32: PPC32,
  ia64: IA64,
  sparc64: SPARC64,
};

/** The row of an architecture; `undefined` if coresieve does not know its kernels. */
export function archSupport(arch: Arch): ArchSupport<SpaceImage> | undefined {
  return Object.hasOwn(ROWS, arch) ? ROWS[arch as keyof SpaceImages] : undefined;
}

/** The row of an image's architecture. */
export function supportOf(image: SpaceImage): ArchSupport<SpaceImage> {
  return ROWS[image.arch];
}

/** The rows of all architectures. */
export function allSupport(): readonly ArchSupport<SpaceImage>[] {
  return Object.values(ROWS);
}

/** The address space of an image, in any thread. */
export function attachSpace(image: SpaceImage, memory: PhysicalMemory): AddressSpace {
  const space = supportOf(image).attach(image, memory);
  const known = image.knownMaps === undefined ? space : fixedAddressSpace(image.knownMaps, space);
  return image.tablesBelow === undefined ? known : withTablesBelow(known, image.tablesBelow, memory);
}

/** Finds the address space of a dump's kernel. Throws `CANNOT_FILTER`, also for architectures that are not known. */
export function findSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<SpaceImage> {
  const { arch } = dump.machine;
  const support = archSupport(arch);
  if (support === undefined) throw cannotFilter(dump, `${arch} kernels are not supported yet`, "MACHINE_UNSUPPORTED");
  try {
    return support.find(dump, info);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CANNOT_FILTER") throw error;
    const rescued = rescuedSpace(dump, info);
    if (rescued === undefined) throw error;
    return rescued;
  }
}

/**
 * The address space of a kernel whose top page table is lost, or has lost entries; `undefined` if that does not find it
 * either.
 */
export function rescuedSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<SpaceImage> | undefined {
  const { rescue, attach } = archSupport(dump.machine.arch) ?? {};
  if (rescue === undefined || attach === undefined) return undefined;
  // An image of an architecture with `rescue` always has a root.
  const ways = rescue(dump, info) as Iterable<TableRescue<SpaceImage & RootedSpace>>;
  return rescueTables(dump, info, ways, (image) => attach(image, dump.memory));
}

/** Byte order of the dumped memory where it may differ from the headers'; `undefined` if it is not known. */
export function memoryIsLittleEndian(dump: Dump, info: Vmcoreinfo): boolean | undefined {
  return archSupport(dump.machine.arch)?.isLittleEndian?.(dump, info);
}
