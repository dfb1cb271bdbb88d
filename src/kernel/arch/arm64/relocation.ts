import { hexOf, type ImagePlace, type Relocation, wrap } from "../relocation.js";

/**
 * VA_BITS is a constant of the build. The image is linked 2^(VA_BITS - 1) bytes below the top (2^VA_BITS before 5.4; 52
 * bits count as 48), and T1SZ is the number of bits that the kernel runs with. All combinations that are possible are
 * returned, to be tried.
 */
export function arm64Relocations({ image, address, paddr }: ImagePlace): Relocation[] {
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
      `NUMBER(kimage_voffset)=0x${hexOf(offset)}`,
      ...(memstart === undefined ? [] : [`NUMBER(PHYS_OFFSET)=0x${hexOf(memstart)}`]),
      `NUMBER(TCR_EL1_T1SZ)=0x${(64 - runs).toString(16)}`,
      `KERNELOFFSET=${hexOf(shift)}`,
    ],
  }));
}
