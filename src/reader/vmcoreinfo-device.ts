import { DumpError } from "../errors.js";
import { fields } from "./fields.js";
import type { PhysicalMemory } from "./physical-memory.js";

/**
 * The entry that a guest wrote into QEMU's vmcoreinfo device (the fw_cfg file etc/vmcoreinfo): where its VMCOREINFO
 * note is. See QEMU's docs/specs/vmcoreinfo.txt.
 */
export interface DeviceEntry {
  /** Formats that the host supports. */
  readonly hostFormat: number;
  /** Format of the entry that the guest wrote; 0 withdraws it. */
  readonly guestFormat: number;
  /** Bytes of the note. */
  readonly size: number;
  /** Physical address of the note. */
  readonly paddr: bigint;
}

/** A VMCOREINFO note in memory. */
export interface DeviceNote {
  /** Physical address of the text. */
  readonly paddr: number;
  readonly text: string;
  /** Byte order of the note's header, which is the guest's. */
  readonly littleEndian: boolean;
}

/** The note that an entry leads to, or why it leads to none. */
export type DeviceResult =
  | { readonly note: DeviceNote; readonly ignored: undefined }
  | { readonly note: undefined; readonly ignored: string };

/** Bytes of an entry: only whole entries count. */
export const ENTRY_SIZE = 16;
const FORMAT_NONE = 0;
const FORMAT_ELF = 1;
/** The specification's limit: a note must be smaller. */
const MAX_NOTE = 1 << 20;
const NOTE_HEADER = 12;
const NAME = "VMCOREINFO";

/** Decodes an entry; it is little endian on every machine. Throws `BAD_OPTION` unless it has 16 bytes. */
export function decodeDeviceEntry(bytes: Uint8Array): DeviceEntry {
  if (bytes.length !== ENTRY_SIZE) {
    throw new DumpError(
      "BAD_OPTION",
      `an entry of the vmcoreinfo device has ${ENTRY_SIZE} bytes, not ${bytes.length}`,
      {
        cure: "Give the whole content of etc/vmcoreinfo, as a file or in hexadecimal",
      },
    );
  }
  const entry = fields(bytes, true, "");
  return { hostFormat: entry.u16(0), guestFormat: entry.u16(2), size: entry.u32(4), paddr: entry.u64(8) };
}

/**
 * Follows an entry into memory. As the specification says, an entry that was withdrawn, that has another format, or
 * that leads to no proper note is ignored.
 */
export function followDeviceEntry(memory: PhysicalMemory, entry: DeviceEntry): DeviceResult {
  const { guestFormat, size, paddr } = entry;
  const where = `0x${paddr.toString(16)}`;
  if (guestFormat === FORMAT_NONE) return ignored("the guest gives nothing (format 0)");
  if (guestFormat !== FORMAT_ELF) return ignored(`the guest's format is ${guestFormat}; it must be 1 (ELF)`);
  if (size >= MAX_NOTE) return ignored(`its note has ${size} bytes; it must have less than 1 MiB`);
  if (paddr + BigInt(size) > BigInt(Number.MAX_SAFE_INTEGER)) return ignored(`the dump has no memory at ${where}`);
  const bytes = new Uint8Array(size);
  if (memory.read(bytes, Number(paddr)) < size)
    return ignored(`the dump does not have ${size} bytes of memory at ${where}`);
  for (const littleEndian of [true, false]) {
    const desc = descriptionOf(bytes, littleEndian);
    if (desc === undefined) continue;
    const text = Buffer.from(bytes.buffer, desc.offset, desc.size).toString("latin1").replace(/\0+$/, "");
    return { note: { paddr: Number(paddr) + desc.offset, text, littleEndian }, ignored: undefined };
  }
  return ignored(`at ${where} has no VMCOREINFO note of ${size} bytes`);
}

function ignored(reason: string): DeviceResult {
  return { note: undefined, ignored: reason };
}

/**
 * The note's descriptor. A note's header has three words of 32 bits in both ELF classes; name and descriptor are padded
 * to 4 bytes.
 */
function descriptionOf(bytes: Uint8Array, littleEndian: boolean): { offset: number; size: number } | undefined {
  if (bytes.length < NOTE_HEADER) return undefined;
  const note = fields(bytes, littleEndian, "");
  const nameSize = note.u32(0);
  const size = note.u32(4);
  const offset = NOTE_HEADER + Math.ceil(nameSize / 4) * 4;
  if (nameSize !== NAME.length + 1 || size === 0 || offset + size > bytes.length) return undefined;
  return note.text(NOTE_HEADER, nameSize) === NAME ? { offset, size } : undefined;
}
