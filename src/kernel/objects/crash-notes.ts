import { fields } from "../../reader/fields.js";
import { NT_PRSTATUS, parseNotes } from "../../reader/notes.js";
import { Warnings } from "../../warnings.js";
import type { KernelObjects } from "./kernel-objects.js";
import { cpusIn, perCpuAddress } from "./per-cpu.js";

/** What a CPU saved when the kernel crashed. */
export interface CpuRegisters {
  /** The descriptor of its NT_PRSTATUS; `undefined` if it saved no registers. */
  readonly prstatus: Uint8Array | undefined;
}

/** "CORE" with its zero byte, padded to 4 bytes. */
const NAME_SIZE = 8;
const HEADER_SIZE = 12;

/**
 * The registers that each CPU saved when the kernel crashed, by CPU number. They are in the per-CPU buffers that
 * `crash_notes` points to (kernel/crash_core.c), which are zeros until then. The result ends with the last CPU that was
 * online or has saved registers. `size`: bytes of the machine's `struct elf_prstatus`; notes of another size are
 * ignored. `undefined` if the symbols do not say which CPUs there are.
 */
export function crashRegisters(
  { memory, symbols }: Pick<KernelObjects, "memory" | "symbols">,
  size: number,
): CpuRegisters[] | undefined {
  const objects = { memory, symbols };
  // On some machines a kernel that panics takes the other CPUs offline, so CPUs with saved registers count too.
  const online = cpusIn(objects, "online");
  const possible = cpusIn(objects, "possible");
  if (possible === undefined) return undefined;
  const pointer = symbols.address("crash_notes");
  const notes = pointer === undefined ? undefined : memory.readWord(pointer);
  const registers = possible.map((cpu): [number, Uint8Array | undefined] => {
    const at = notes === undefined || notes === 0n ? undefined : perCpuAddress(objects, notes, cpu);
    const view = at === undefined ? undefined : memory.readView(at, HEADER_SIZE + NAME_SIZE + size);
    return [cpu, view && prstatusIn(new Uint8Array(view.buffer), memory.littleEndian, size)];
  });
  const there = new Set([
    ...(online ?? []),
    ...registers.filter(([, saved]) => saved !== undefined).map(([cpu]) => cpu),
  ]);
  const count = there.size === 0 ? possible.length : Math.max(...there) + 1;
  const saved = new Map(registers);
  return Array.from({ length: count }, (_, cpu) => ({ prstatus: saved.get(cpu) }));
}

/** The descriptor of a buffer's first note, if it has a CPU's registers. */
function prstatusIn(bytes: Uint8Array, littleEndian: boolean, size: number): Uint8Array | undefined {
  const view = fields(bytes, littleEndian, "");
  if (view.u32(4) !== size) return undefined;
  const [note] = parseNotes(bytes, littleEndian, "", new Warnings());
  return note?.name === "CORE" && note.type === NT_PRSTATUS ? note.desc : undefined;
}
