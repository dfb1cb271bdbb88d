import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { directMapAmong } from "../direct-map.js";
import { NOTE64, type VectorRegisters } from "../registers.js";
import { moved, wrap } from "../relocation.js";
import { findPpc64Space, ppc64IsLittleEndian } from "./find.js";
import { LINEAR_START, type Ppc64Space, ppc64AddressSpace } from "./space.js";

const POWER_SAVED = ["fp_state", "vr_state", "ckfp_state", "ckvr_state", "ckpt_regs"];
/** Until 4.9 and until 3.12. */
const POWER_SAVED_BEFORE = ["transact_fp", "transact_vr", "fpr", "vr", "transact_fpr"];

/** Also used by 32-bit PowerPC. */
export const POWER_VECTORS: VectorRegisters = {
  // VMX, SPE, VSX, and the transactional copies of registers.
  notes: [0x100, 0x101, 0x102, 0x108, 0x109, 0x10a, 0x10b],
  // Also the copies that belong to transactions.
  saved: [...POWER_SAVED, ...POWER_SAVED_BEFORE].map((name) => ({
    member: `thread.${name}`,
  })),
};

/** 64-bit POWER, in both byte orders. */
export const PPC64: ArchSupport<Ppc64Space> = {
  find: findPpc64Space,
  attach: ppc64AddressSpace,
  isLittleEndian: ppc64IsLittleEndian,
  wholeAddress: (address) => address | LINEAR_START,
  directMap: (kernel) => directMapAmong(kernel, [LINEAR_START]),
  stack: (version) => ({ bytes: 16384, hasThreadInfo: version < kernelVersion(5, 1) }),
  // All but msr, trap, dsisr and result. The size is known only if the kernel's types are.
  userFrame: () => ({
    sizes: [],
    pads: [0],
    align: 16,
    clear: [
      [0, 264],
      [272, 312],
      [328, 336],
    ],
  }),
  // MSR_PR.
  noteRegisters: [
    {
      owner: "CORE",
      at: NOTE64 + 33 * 8,
      user: { mask: 1n << 14n, value: 1n << 14n },
      clear: [
        [NOTE64, NOTE64 + 33 * 8],
        [NOTE64 + 34 * 8, NOTE64 + 39 * 8],
      ],
    },
  ],
  noteStackPointer: NOTE64 + 1 * 8,
  vectorRegisters: POWER_VECTORS,
  // The linear map has all memory, and the image is in it.
  relocations: ({ address, paddr }) => moved(wrap(paddr + LINEAR_START - address)),
  // arch/powerpc/kernel/crash_core.c.
  exports: {
    symbols: ["vmemmap_list", "mmu_vmemmap_psize", "mmu_psize_defs", "cur_cpu_spec"],
    types: [
      ["vmemmap_backing", ["phys", "virt_addr", "list"]],
      ["mmu_psize_def", ["shift"]],
    ],
    offsets: [["cpu_spec", ["cpu_features", "mmu_features"]]],
  },
};
