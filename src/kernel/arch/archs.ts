import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import { cannotFilter } from "../cannot-filter.js";
import type { ArchSupport, FoundSpace } from "./arch-support.js";
import { type ArmSpace, armAddressSpace, findArmSpace } from "./arm.js";
import { type Arm64Space, arm64AddressSpace } from "./arm64.js";
import { findArm64Space } from "./arm64-find.js";
import { findI386Space, type I386Space, i386AddressSpace } from "./i386.js";
import { findIa64Space, type Ia64Space, ia64AddressSpace } from "./ia64.js";
import {
  findMips64Space,
  findMipsSpace,
  findPpc32Space,
  type LinearSpace,
  linearAddressSpace,
} from "./linear-machines.js";
import { findLoongarch64Space, type Loongarch64Space, loongarch64AddressSpace } from "./loongarch64.js";
import { type Ppc64Space, ppc64AddressSpace } from "./ppc64.js";
import { findPpc64Space, ppc64IsLittleEndian } from "./ppc64-find.js";
import { findRiscv64Space, type Riscv64Space, riscv64AddressSpace } from "./riscv64.js";
import { findS390xSpace, type S390xSpace, s390xAddressSpace } from "./s390x.js";
import { findSparc64Space, type Sparc64Space, sparc64AddressSpace } from "./sparc64.js";
import { type X86_64Space, x86_64AddressSpace } from "./x86_64.js";
import { findX86_64Space } from "./x86_64-find.js";

/** Every architecture whose kernels can be looked into, by `Machine.arch`. */
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
export type SpaceImage = SpaceImages[keyof SpaceImages];

const ARCHS: { readonly [A in keyof SpaceImages]: ArchSupport<SpaceImages[A]> } = {
  x86_64: { find: findX86_64Space, attach: x86_64AddressSpace },
  i386: { find: findI386Space, attach: i386AddressSpace },
  arm64: { find: findArm64Space, attach: arm64AddressSpace },
  arm: { find: findArmSpace, attach: armAddressSpace },
  s390x: { find: findS390xSpace, attach: s390xAddressSpace },
  riscv64: { find: findRiscv64Space, attach: riscv64AddressSpace },
  ppc64: { find: findPpc64Space, attach: ppc64AddressSpace, isLittleEndian: ppc64IsLittleEndian },
  loongarch64: { find: findLoongarch64Space, attach: loongarch64AddressSpace },
  mips64: { find: findMips64Space, attach: linearAddressSpace },
  mips: { find: findMipsSpace, attach: linearAddressSpace },
  ppc32: { find: findPpc32Space, attach: linearAddressSpace },
  ia64: { find: findIa64Space, attach: ia64AddressSpace },
  sparc64: { find: findSparc64Space, attach: sparc64AddressSpace },
};

/** The address space of an image, in any thread. */
export function attachSpace(image: SpaceImage, memory: PhysicalMemory): AddressSpace {
  const support: ArchSupport<SpaceImage> = ARCHS[image.arch];
  return support.attach(image, memory);
}

/** Finds the address space of a dump's kernel. Throws `CANNOT_FILTER`, also for architectures that are not known. */
export function findSpace(dump: Dump, info: Vmcoreinfo): FoundSpace<SpaceImage> {
  const { arch } = dump.machine;
  if (!(arch in ARCHS)) throw cannotFilter(dump, `${arch} kernels are not supported yet`);
  return ARCHS[arch as keyof SpaceImages].find(dump, info);
}

/** Byte order of the dumped memory where it may differ from the headers'; `undefined` if it is not known. */
export function memoryIsLittleEndian(dump: Dump, info: Vmcoreinfo): boolean | undefined {
  const { arch } = dump.machine;
  const support: ArchSupport<SpaceImage> | undefined = arch in ARCHS ? ARCHS[arch as keyof SpaceImages] : undefined;
  return support?.isLittleEndian?.(dump, info);
}
