import type { Dump } from "../../../reader/dump.js";
import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";
import { cannotFilter } from "../../cannot-filter.js";
import { kernelVersion, parseKernelVersion } from "../../version.js";
import type { FoundSpace, NamedSpace, TableRescue } from "../arch-support.js";
import type { FixedMap } from "../fixed-maps.js";
import { sectionShape } from "../section-shape.js";
import { firstThatReads, type Guess, hex, needSymbol } from "../try-spaces.js";
import { type Arm64Format, type Arm64Space, arm64AddressSpace } from "./space.js";

/**
 * Finds the page tables of an arm64 kernel. kimage_voffset (with VA_BITS and PHYS_OFFSET, since 4.12) says where the
 * kernel's image is. Before 4.6 the image was in the linear map.
 */
export function findArm64Space(dump: Dump, info: Vmcoreinfo): FoundSpace<Arm64Space> {
  const pageShift = Math.log2(dump.pageSize);
  if (![12, 14, 16].includes(pageShift)) throw cannotFilter(dump, `arm64 has no pages of ${dump.pageSize} bytes`);
  return arm64Found(dump, info, firstThatReads(dump, info, guesses(dump, info, pageShift), arm64AddressSpace));
}

function arm64Found(dump: Dump, info: Vmcoreinfo, { image, utsname }: NamedSpace<Arm64Space>): FoundSpace<Arm64Space> {
  const pageShift = image.pageShift;
  const version = parseKernelVersion(utsname.release) ?? 0;
  const exported = Number(info.number("VA_BITS"));
  const compiled = possible(exported) ? exported : image.vaBits;
  const physOffset = info.number("PHYS_OFFSET") ?? BigInt(dump.ranges[0]?.start ?? 0);
  // arch/arm64/include/asm/sparsemem.h
  const sectionBits = version < kernelVersion(5, 12) ? 30 : pageShift === 16 ? 29 : 27;
  return {
    image,
    utsname,
    physBase: BigInt.asIntN(64, physOffset),
    lowestAddress: (1n << 64n) - (1n << BigInt(Math.max(compiled, image.vaBits))),
    sections: sectionShape(info, sectionBits, [48, 52]),
    // ARCH_PFN_OFFSET is PHYS_OFFSET's pfn (arch/arm64/include/asm/memory.h).
    flatStartPfn: Number(BigInt.asIntN(64, physOffset) >> BigInt(pageShift)),
  };
}

/** How many addresses behind the image's first symbol still belong to the image: most kernels have 64 MiB or less. */
const MOST_IMAGE = 1n << 28n;

/**
 * The image is mapped at kimage_voffset. Memory is mapped from PHYS_OFFSET on in the half of the kernel's addresses
 * that is the linear map: the lower half since 5.4. Processes' tables lack the kernel's part.
 */
export function* rescueArm64(dump: Dump, info: Vmcoreinfo): Generator<TableRescue<Arm64Space>> {
  const offset = info.number("kimage_voffset");
  const symbol = info.symbol("_stext") ?? info.symbol("init_uts_ns");
  const pageShift = Math.log2(dump.pageSize);
  if (offset === undefined || symbol === undefined || ![12, 14, 16].includes(pageShift)) return;
  const [bits] = addressBits(info, pageShift);
  if (bits === undefined) return;
  const image = { arch: "arm64", root: 0, pageShift, ...bits } as const;
  const wrap = (value: bigint) => BigInt.asUintN(64, value);
  const start = symbol - (symbol % (1n << 16n));
  const maps: FixedMap[] = [{ start, end: start + MOST_IMAGE, paddr: wrap(start - offset) }];
  const physOffset = info.number("PHYS_OFFSET");
  const actual = info.number("TCR_EL1_T1SZ");
  if (physOffset !== undefined && actual !== undefined) {
    // T1SZ is exported since 5.9. PHYS_OFFSET may be "negative" if the kernel runs with fewer bits than it was built
    // for.
    const linear = wrap(-(1n << BigInt(64n - actual)));
    maps.unshift({ start: linear, end: wrap(-(1n << (63n - actual))), paddr: BigInt.asIntN(64, physOffset) });
  }
  yield { image, maps, shared: false, describe: (named) => arm64Found(dump, info, named) };
}

function* guesses(dump: Dump, info: Vmcoreinfo, pageShift: number): Generator<Guess<Arm64Space>> {
  const top = needSymbol(dump, info, "swapper_pg_dir");
  for (const { vaBits, format } of addressBits(info, pageShift)) {
    for (const root of roots(dump, info, top, vaBits)) {
      if (root > BigInt(Number.MAX_SAFE_INTEGER)) continue;
      const image = { arch: "arm64", root: Number(root), pageShift, vaBits, format } as const;
      yield { image, name: `${vaBits}-bit addresses, swapper_pg_dir at ${hex(root)}` };
    }
  }
}

/**
 * How many bits index the tables. VA_BITS is the number that the kernel was built for, TCR_EL1_T1SZ (5.9) gives the
 * number that it runs with. They differ for a 52-bit kernel on other hardware: with pages of 64 KiB its tables are
 * still those of 52 bits (the hardware gets their upper part), with smaller pages the top level is left out at run
 * time.
 */
function addressBits(info: Vmcoreinfo, pageShift: number): { vaBits: number; format: Arm64Format }[] {
  const exported = info.number("VA_BITS");
  const t1sz = info.number("TCR_EL1_T1SZ");
  const compiled = exported === undefined ? undefined : Number(exported);
  const actual = t1sz === undefined ? undefined : 64 - Number(t1sz);
  const usable = (bits: number | undefined): bits is number => bits !== undefined && possible(bits);
  if (pageShift === 16) {
    const bits = [compiled, actual].filter(usable);
    return (bits.length > 0 ? bits : [48, 42, 52]).map((vaBits) => ({ vaBits, format: "lpa" }));
  }
  // 5.4 to 5.8 do not export T1SZ; LPA2 is newer than that.
  const known = [actual ?? compiled].filter(usable);
  const bits = known.length > 0 ? known : [48, 39, 47, 36];
  const withFallback = bits.includes(52) && actual === undefined ? [...bits, 48, 47] : bits;
  return withFallback.map((vaBits) => ({ vaBits, format: vaBits === 52 ? "lpa2" : "48" }));
}

/** Whether an arm64 kernel can be built for this number of bits. */
function possible(vaBits: number): boolean {
  return vaBits >= 36 && vaBits <= 52;
}

function roots(dump: Dump, info: Vmcoreinfo, top: bigint, vaBits: number): bigint[] {
  const wrap = (value: bigint) => BigInt.asUintN(64, value);
  const imageOffset = info.number("kimage_voffset");
  const physOffset = info.number("PHYS_OFFSET") ?? BigInt(dump.ranges[0]?.start ?? 0);
  // The linear map, the lower half of the kernel's addresses, maps memory from PHYS_OFFSET on.
  const linear = wrap((top & ((1n << BigInt(vaBits - 1)) - 1n)) + physOffset);
  return imageOffset === undefined ? [linear] : [wrap(top - imageOffset), linear];
}
