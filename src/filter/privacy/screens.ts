import type { AddressSpace } from "../../kernel/address-space.js";
import {
  type KernelObjects,
  memberAddress,
  readMember,
  readPossibleMember,
} from "../../kernel/objects/kernel-objects.js";
import { SpanList } from "../erase/spans.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** MAX_NR_CONSOLES. */
const MAX_CONSOLES = 63;
/** At most 32,767 columns and rows; a screen of 4 MiB has 2,000 lines of 1,000. */
const MAX_SCREEN = 4 << 20;
const MAX_ROWS = 1 << 15;
/** The text memory of VGA adapters: 32 KiB, including lines that were scrolled out. */
const MAX_VGA = 1 << 18;
/** The selection has several characters per cell of the screen. */
const MAX_SELECTION = 8 << 20;

/**
 * The content of virtual consoles' screens: characters with their colours, the same in Unicode, the screen behind an
 * alternate one, and the text that was selected with the mouse (drivers/tty/vt). For the visible console also the
 * adapter's memory (vgacon), which a hypervisor's dump may contain. `undefined` if the symbols have no variables; empty
 * if the kernel has no such consoles.
 */
export function screens(space: AddressSpace, kernel: KernelObjects): ScrubList | undefined {
  const { memory, symbols, types } = kernel;
  const found: ScrubList = { list: new SpanList(), objects: 0 };
  const stride = types.sizeOf("vc");
  if (stride === undefined || types.member("vc_data", "vc_screenbuf") === undefined) return found;
  const table = symbols.address("vc_cons");
  if (table === undefined) return symbols.address("init_task") === undefined ? undefined : found;
  const erase = (address: bigint | undefined, length: number, most: number) => {
    if (!address || !memory.isKernelAddress(address) || length <= 0) return;
    addVirtual(space, address, Math.min(length, most), found.list);
  };
  for (let i = 0; i < MAX_CONSOLES; i++) {
    const console = readMember(kernel, "vc", table + BigInt(i * stride), "d");
    if (!console || !memory.isKernelAddress(console)) continue;
    found.objects++;
    const number = (name: string) => Number(readPossibleMember(kernel, "vc_data", console, name) ?? 0n);
    const pointer = (name: string) => readPossibleMember(kernel, "vc_data", console, name);
    const size = number("vc_screenbuf_size");
    erase(pointer("vc_screenbuf"), size, MAX_SCREEN);
    erase(pointer("vc_origin"), size, MAX_SCREEN);
    erase(pointer("vc_saved_screen"), number("vc_saved_cols") * number("vc_saved_rows") * 2, MAX_SCREEN);
    for (const [lines, rows, columns] of [
      ["vc_uni_lines", "vc_rows", "vc_cols"],
      ["vc_saved_uni_lines", "vc_saved_rows", "vc_saved_cols"],
      // 4.19 to 6.3: a struct that is an array of lines.
      ["vc_uni_screen", "vc_rows", "vc_cols"],
    ] as const) {
      const array = pointer(lines);
      if (!array || !memory.isKernelAddress(array)) continue;
      for (let row = 0; row < Math.min(number(rows), MAX_ROWS); row++) {
        erase(memory.readWord(array + BigInt(row * memory.wordSize)), number(columns) * 4, MAX_SCREEN);
      }
    }
  }
  eraseSelection(kernel, erase);
  const [base, end] = ["vga_vram_base", "vga_vram_end"].map((name) => {
    const at = symbols.address(name);
    return at === undefined ? undefined : memory.readWord(at);
  });
  if (base && end && end > base) erase(base, Number(end - base), MAX_VGA);
  return found;
}

function eraseSelection(
  kernel: KernelObjects,
  erase: (address: bigint | undefined, length: number, most: number) => void,
): void {
  const { memory, symbols } = kernel;
  // One struct since 5.7; two variables before that.
  const selection = symbols.address("vc_sel");
  const buffer = symbols.address("sel_buffer");
  const length = symbols.address("sel_buffer_lth");
  if (selection !== undefined && memberAddress(kernel, "vc_selection", selection, "buffer") !== undefined) {
    const size = Number(readMember(kernel, "vc_selection", selection, "buf_len") ?? 0n);
    erase(readMember(kernel, "vc_selection", selection, "buffer"), size, MAX_SELECTION);
  } else if (buffer !== undefined && length !== undefined) {
    erase(memory.readWord(buffer), memory.readView(length, 4)?.getInt32(0, memory.littleEndian) ?? 0, MAX_SELECTION);
  }
}
