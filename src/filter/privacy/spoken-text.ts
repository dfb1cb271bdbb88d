import type { AddressSpace } from "../../kernel/address-space.js";
import { roomOf } from "../../kernel/debuginfo/symbol-room.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { loadedModule, moduleObject } from "../../kernel/objects/module-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** SYNTH_BUF_SIZE of a byte each, and of 16 bits since 4.12. */
const [LEAST, MOST] = [8192, 16384];
/** Variables with text: what waits for the synthesizer, and the line that is being read (drivers/accessibility/speakup). */
const VARIABLES = ["synth_buffer", "buf"];
const MAX_VARIABLE = 1 << 16;

/** The text of screens that is being read aloud. `undefined` if the module's symbols are not known. */
export function spokenText(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const erase = (at: bigint, length: number) => {
    if (length <= MAX_VARIABLE && addVirtual(space, at, length, found.list) > 0) found.objects++;
  };
  // Built in, its other variable's name is not its own.
  const own = kernel.symbols.address("synth_buffer");
  if (own !== undefined) {
    const room = roomOf(kernel.symbols, own, MOST);
    if (room < LEAST) kernel.incomplete?.();
    erase(own, Math.max(LEAST, room));
  }
  const module = own === undefined ? loadedModule(kernel, "speakup") : "none";
  if (module === undefined || module === "none") return module && found;
  for (const name of VARIABLES) {
    const variable = moduleObject(kernel, module, name);
    if (variable === undefined) return undefined;
    erase(variable.address, variable.size);
  }
  return found;
}
