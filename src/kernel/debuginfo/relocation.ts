import { START_KERNEL_MAP } from "../arch/x86_64.js";
import type { KernelImage } from "./vmlinux-image.js";

/** How a kernel may have been moved, and the items of VMCOREINFO that say so: to be tried. */
export interface Relocation {
  /** What is added to link addresses. */
  readonly shift: bigint;
  /** Lines for VMCOREINFO, in the kernel's order: "NUMBER(phys_base)=0". */
  readonly items: readonly string[];
}

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const hex = (value: bigint) => wrap(value).toString(16);

/**
 * Where a kernel that lies at a known physical place may be mapped: variables in its image say it; else it is where it was
 * linked. Most architectures have one answer. `bannerAddress` is a link address, `paddr` is where that lies.
 */
export function relocations(image: KernelImage, bannerAddress: bigint, paddr: number): readonly Relocation[] {
  const place = { image, address: bannerAddress, paddr: BigInt(paddr) };
  switch (image.vmlinux.machine.arch) {
    case "x86_64":
      return x86_64(place);
    case "i386":
      return i386(place);
    case "arm64":
      return arm64(place);
    case "riscv64":
      return riscv64(place);
    case "s390x":
      return s390x(place);
    case "ppc64":
      return moved(wrap(place.paddr + PPC64_LINEAR - place.address));
    default:
      return moved(0n);
  }
}

interface Place {
  readonly image: KernelImage;
  readonly address: bigint;
  readonly paddr: bigint;
}

function moved(shift: bigint): Relocation[] {
  return [{ shift, items: shift === 0n ? [] : [`KERNELOFFSET=${hex(shift)}`] }];
}

/**
 * phys_base is the image's physical place less that which its virtual one stands for (__START_KERNEL_map + physical place),
 * so that it gives the virtual one. Both are multiples of 2 MiB (CONFIG_PHYSICAL_ALIGN is at least that).
 */
function x86_64({ image, address, paddr }: Place): Relocation[] {
  const physBase = image.integer("phys_base", 8);
  if (physBase === undefined) return [];
  const shift = wrap(paddr - physBase - (address - START_KERNEL_MAP));
  const enabled = image.integer("__pgtable_l5_enabled", 4);
  // Newer kernels ask the processor's features instead of a variable.
  const levels = enabled === undefined ? [0n, 1n] : [enabled & 1n];
  // A macro of 0 where the kernel was built without it.
  const sme = image.integer("sme_me_mask", 8) ?? 0n;
  // arch/x86/include/asm/page_64_types.h: 1 GiB for kernels that can be moved.
  const size = image.vmlinux.linked("kaslr_get_random_long") === undefined ? 1 << 29 : 1 << 30;
  return levels.map((l5) => ({
    shift,
    items: [
      `NUMBER(phys_base)=${BigInt.asIntN(64, physBase)}`,
      `NUMBER(pgtable_l5_enabled)=${l5}`,
      `KERNELOFFSET=${hex(shift)}`,
      `NUMBER(KERNEL_IMAGE_SIZE)=${size}`,
      `NUMBER(sme_mask)=${BigInt.asIntN(64, sme)}`,
    ],
  }));
}

/** Values of CONFIG_PAGE_OFFSET (arch/x86/Kconfig); the image is in the direct map. */
const I386_PAGE_OFFSETS = [0xc000_0000n, 0xb000_0000n, 0x8000_0000n, 0x7800_0000n, 0x4000_0000n];

function i386({ image, address, paddr }: Place): Relocation[] {
  const pae = image.vmlinux.types.sizeOf("pte_t") === 8;
  const items = pae ? ["CONFIG_X86_PAE=y"] : [];
  return I386_PAGE_OFFSETS.filter((offset) => offset <= address).map((offset) => {
    const shift = wrap(paddr + offset - address);
    return { shift, items: [...items, ...(shift === 0n ? [] : [`KERNELOFFSET=${hex(shift)}`])] };
  });
}

/**
 * VA_BITS is a constant of the build. The image is linked 2^(VA_BITS - 1) bytes below the top (2^VA_BITS before 5.4; 52
 * bits count as 48), and T1SZ is what the kernel runs with; so what is possible is tried.
 */
function arm64({ image, address, paddr }: Place): Relocation[] {
  const offset = image.integer("kimage_voffset", 8) ?? wrap(address - paddr);
  const shift = wrap(paddr + offset - address);
  const memstart = image.integer("memstart_addr", 8);
  const linked = (1n << 64n) - address;
  const near = (bits: number) => linked <= 1n << BigInt(bits) && linked > 1n << BigInt(bits - 2);
  const built = [48, 39, 47, 42, 36].filter(near);
  const actual = image.integer("vabits_actual", 8);
  const pairs = built.map((bits) => [bits, bits] as [number, number]);
  if (built.includes(48)) pairs.push([52, 52], [52, 48]);
  if (built.includes(47)) pairs.push([52, 47]);
  const fitting = pairs.filter(([, runs]) => actual === undefined || actual === BigInt(runs));
  return (fitting.length > 0 ? fitting : pairs).map(([vaBits, runs]) => ({
    shift,
    items: [
      `NUMBER(VA_BITS)=${vaBits}`,
      `NUMBER(kimage_voffset)=0x${hex(offset)}`,
      ...(memstart === undefined ? [] : [`NUMBER(PHYS_OFFSET)=0x${hex(memstart)}`]),
      `NUMBER(TCR_EL1_T1SZ)=0x${(64 - runs).toString(16)}`,
      `KERNELOFFSET=${hex(shift)}`,
    ],
  }));
}

/** struct kernel_mapping, kernel_map: since 5.14 (arch/riscv/include/asm/page.h). */
function riscv64({ image, address, paddr }: Place): Relocation[] {
  const field = (name: string) => {
    const member = image.vmlinux.types.member("struct kernel_mapping", name);
    return member === undefined ? undefined : image.word("kernel_map", member.offset);
  };
  const offset = field("va_kernel_pa_offset") ?? wrap(address - paddr);
  const shift = wrap(paddr + offset - address);
  const pageOffset = field("page_offset");
  const ramBase = image.word("phys_ram_base");
  const enabled = (name: string) => image.integer(name, 1) === 1n;
  const known = image.vmlinux.linked("pgtable_l4_enabled") !== undefined;
  const bits = known ? [enabled("pgtable_l5_enabled") ? 57 : enabled("pgtable_l4_enabled") ? 48 : 39] : [39, 48, 57];
  return bits.map((vaBits) => ({
    shift,
    items: [
      ...(ramBase === undefined ? [] : [`NUMBER(phys_ram_base)=${ramBase}`]),
      ...(pageOffset === undefined ? [] : [`NUMBER(PAGE_OFFSET)=0x${hex(pageOffset)}`]),
      `NUMBER(VA_BITS)=${vaBits}`,
      `NUMBER(va_kernel_pa_offset)=0x${hex(offset)}`,
      ...(shift === 0n ? [] : [`KERNELOFFSET=${hex(shift)}`]),
    ],
  }));
}

/**
 * Virtual is physical, wherever the kernel was moved; since 6.10 the image has a virtual place of its own, which vm_layout
 * names (arch/s390/include/asm/page.h).
 */
function s390x({ image, address, paddr }: Place): Relocation[] {
  const field = (name: string) => {
    const member = image.vmlinux.types.member("struct vm_layout", name);
    return member === undefined ? undefined : image.word("vm_layout", member.offset);
  };
  const virtual = field("kaslr_offset");
  const physical = field("kaslr_offset_phys");
  const identity: Relocation = { shift: wrap(paddr - address), items: [] };
  if (virtual === undefined || physical === undefined) return [identity];
  const shift = wrap(paddr - physical + virtual - address);
  const base = field("identity_base");
  const items = [
    ...(base === undefined ? [] : [`IDENTITYBASE=${hex(base)}`]),
    `KERNELOFFSET=${hex(virtual)}`,
    `KERNELOFFPHYS=${hex(physical)}`,
  ];
  return [{ shift, items }, identity];
}

/** PAGE_OFFSET of 64-bit PowerPC: all memory, and the image in it. */
const PPC64_LINEAR = 0xc000_0000_0000_0000n;
