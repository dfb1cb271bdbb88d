import type { ModuleRange } from "../../kernel/arch/arch-support.js";
import { type SpaceImage, supportOf } from "../../kernel/arch/archs.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";

/** The range that only modules use; `undefined` if modules are among other vmalloc areas. */
export function moduleRange(image: SpaceImage, info: Vmcoreinfo): ModuleRange | undefined {
  const known = supportOf(image).modules?.(image, info);
  if (known !== undefined) return known;
  const start = info.number("MODULES_VADDR");
  const end = info.number("MODULES_END");
  if (start === undefined || end === undefined) return undefined;
  return { start: BigInt.asUintN(64, start), end: BigInt.asUintN(64, end), mayOverflow: true };
}
