import type { Piece } from "../extents.js";
import type { RamBlock } from "./ram.js";
import type { StreamReader } from "./stream.js";

/** Memory that was plugged into a machine, and where it lies. */
export interface PluggedMemory {
  /** Name of its block, or its beginning, the path of the device ("0000:00:03.0/"). */
  readonly block: string;
  /** Guest physical address. */
  readonly address: number;
  /** Bytes of its block, and of each unit that the guest plugs in or gives back. */
  readonly length: number;
  readonly unit: number;
  /** Runs of units that are plugged in. */
  readonly plugged: readonly { readonly first: number; readonly count: number }[];
}

const EARLY = "virtio-mem-device-early";
/** 512 GiB in units of 1 MiB, the smallest of QEMU's: more bits than the reader has bytes for at once are left out. */
const MOST_UNITS = 1 << 19;
/** As far as any dump may reach (`MAX_PAGES`): what lies above is damage, and must not make the rest unreadable. */
const END_OF_ADDRESSES = 2 ** 47;

/**
 * Reads the section that a virtio-mem device has before all memory (QEMU 8.1 and later; seen with 11.1; before, its
 * memory is described only within the state of the device, which nothing describes), at the reader's position; `undefined` if it is another device's, or does not
 * have its form: address, length and unit (u64), node (u32), size that is plugged in (u64), a bit for each unit in
 * words of 64 bits. The reader's position is then of no meaning.
 */
export function readPlugged(reader: StreamReader, section: string): PluggedMemory | undefined {
  if (!section.endsWith(`/${EARLY}`) || reader.left < 36) return undefined;
  const [address, length, unit] = [reader.u64(), reader.u64(), reader.u64()];
  reader.u32();
  const size = reader.u64();
  const units = length / unit;
  if (!Number.isSafeInteger(units) || units < 1 || units > MOST_UNITS) return undefined;
  if (address % unit !== 0) return undefined;
  const words = Math.ceil(units / 64);
  if (reader.left < 8 * words) return undefined;
  const plugged = runsOf(Buffer.from(reader.bytes(8 * words)), units);
  const total = plugged.reduce((sum, { count }) => sum + count, 0) * unit;
  if (total !== size) return undefined;
  return { block: section.slice(0, -EARLY.length), address, length, unit, plugged };
}

/** Runs of bits that are set. The words are big endian: bit 0 is the lowest of a word's last byte. */
function runsOf(bitmap: Buffer, units: number): { first: number; count: number }[] {
  const runs: { first: number; count: number }[] = [];
  for (let i = 0; i < units; i++) {
    const byte = bitmap[(i >>> 6) * 8 + 7 - ((i >>> 3) & 7)] as number;
    if (((byte >>> (i & 7)) & 1) === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === i) last.count++;
    else runs.push({ first: i, count: 1 });
  }
  return runs;
}

/** Where the memory in a block is; `undefined` if no device that was read has this block. */
export function pluggedPieces(
  block: RamBlock,
  devices: readonly PluggedMemory[],
  pageSize: number,
): Piece[] | undefined {
  const named = ({ block: name }: PluggedMemory) =>
    name.endsWith("/") ? block.name.startsWith(name) : block.name === name;
  const device = devices.find((one) => named(one) && block.length === one.length);
  if (device === undefined || device.unit % pageSize !== 0 || device.address % pageSize !== 0) return undefined;
  if (device.address + device.length > END_OF_ADDRESSES) return undefined;
  return device.plugged.map(({ first, count }) => ({
    start: device.address + first * device.unit,
    end: device.address + (first + count) * device.unit,
    source: block.firstPage * pageSize + first * device.unit,
  }));
}
