import { kernelVersion } from "../../version.js";
import type { ArchSupport } from "../arch-support.js";
import { NOTE64 } from "../registers.js";
import { signExtended } from "../whole-address.js";
import { findX86_64Space, rescueX86_64 } from "./find.js";
import { x86_64Modules } from "./memory.js";
import { X86_64_FRAME, X86_64_NOTES, X86_VECTORS } from "./registers.js";
import { X86_64_EXPORTS, x86_64Relocations } from "./relocation.js";
import { type X86_64Space, x86_64AddressSpace } from "./space.js";

/** 64-bit x86. */
export const X86_64: ArchSupport<X86_64Space> = {
  find: findX86_64Space,
  rescue: rescueX86_64,
  attach: x86_64AddressSpace,
  wholeAddress: signExtended,
  modules: (_image, info) => x86_64Modules(info),
  // 8 KiB until 3.14 (arch/x86/include/asm/page_64_types.h).
  stack: (version) => ({
    bytes: version < kernelVersion(3, 15) ? 8192 : 16384,
    hasThreadInfo: version < kernelVersion(4, 9),
  }),
  userFrame: () => X86_64_FRAME,
  noteRegisters: X86_64_NOTES,
  noteStackPointer: NOTE64 + 19 * 8,
  vectorRegisters: X86_VECTORS,
  relocations: x86_64Relocations,
  exports: X86_64_EXPORTS,
};
