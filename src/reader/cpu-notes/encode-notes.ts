import { NT_PRSTATUS } from "../notes.js";

/** Offsets of pr_pid and of the registers in an NT_PRSTATUS note, by the machine's word. */
const PRSTATUS = { 4: { pid: 24, registers: 72 }, 8: { pid: 32, registers: 112 } } as const;
/** Bytes of a note's header: sizes of name and content, and the type. */
export const NOTE_HEADER_SIZE = 12;

/** A note as bytes: header, name and content, the latter two padded to 4 bytes. */
export function encodeNote(name: string, type: number, desc: Uint8Array, littleEndian: boolean): Uint8Array {
  const nameEnd = NOTE_HEADER_SIZE + Math.ceil((name.length + 1) / 4) * 4;
  const bytes = new Uint8Array(nameEnd + Math.ceil(desc.length / 4) * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name.length + 1, littleEndian);
  view.setUint32(4, desc.length, littleEndian);
  view.setUint32(8, type, littleEndian);
  bytes.set(Buffer.from(name, "latin1"), NOTE_HEADER_SIZE);
  bytes.set(desc, nameEnd);
  return bytes;
}

/**
 * The NT_PRSTATUS note of a CPU, `size` bytes long, with its registers in the order of the machine's `user_regs_struct`.
 * pr_pid is the CPU's number plus one, as QEMU writes it: drgn finds a CPU's registers by it.
 */
export function prstatusNoteOf(
  cpu: number,
  registers: readonly bigint[],
  size: number,
  littleEndian: boolean,
  word: 4 | 8 = 8,
): Uint8Array {
  const desc = new Uint8Array(size);
  const view = new DataView(desc.buffer);
  const at = PRSTATUS[word];
  view.setUint32(at.pid, cpu + 1, littleEndian);
  registers.forEach((value, i) => {
    if (word === 8) view.setBigUint64(at.registers + 8 * i, value, littleEndian);
    else view.setUint32(at.registers + 4 * i, Number(BigInt.asUintN(32, value)), littleEndian);
  });
  return encodeNote("CORE", NT_PRSTATUS, desc, littleEndian);
}
