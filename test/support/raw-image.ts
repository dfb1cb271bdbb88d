/** Memory images: LiME and AVML files of a few ranges, and the ranges of a real dump to make them of. */
import { ByteBuffer, type ByteOrder, type Integer } from "./bytes.js";
import { openElf } from "./other-elf.js";
import { compressPage } from "./page-codecs.js";

export interface MemoryPiece {
  readonly start: number;
  readonly data: Uint8Array;
}

/**
 * The PT_LOADs of an ELF dump but for QEMU's firmware, 256 KiB below 4 GiB, and for those that lie within another (the
 * kernel's image in /proc/vmcore).
 */
export function ramOf(vmcore: string): MemoryPiece[] {
  const elf = openElf(vmcore);
  const pieces: MemoryPiece[] = [];
  const loads = elf.segments.filter(({ type, physicalAddress }) => type === 1 && physicalAddress !== 0xfffc_0000);
  for (const load of loads) {
    const { physicalAddress, fileSize } = load;
    const within = ({ physicalAddress: start, fileSize: size }: typeof load) =>
      start <= physicalAddress && physicalAddress + fileSize <= start + size;
    if (loads.some((other) => other !== load && within(other))) continue;
    // 64 KiB at a time: a page of any machine.
    const parts: Uint8Array[] = [];
    for (let at = 0; at < fileSize; at += 4096) {
      const large = (physicalAddress + at) % 65536 === 0 && at + 65536 <= fileSize;
      const size = large ? 65536 : 4096;
      parts.push(elf.page((physicalAddress + at) / size, size) as Buffer);
      at += size - 4096;
    }
    pieces.push({ start: physicalAddress, data: Buffer.concat(parts) });
  }
  elf.close();
  return pieces;
}

export interface RangeHeader {
  readonly magic?: string;
  readonly version?: number;
  readonly start?: Integer;
  /** Inclusive. */
  readonly last?: Integer;
}

/** A LiME file. */
export function buildLime(
  pieces: readonly (MemoryPiece & { readonly header?: RangeHeader })[],
  byteOrder: ByteOrder = "little",
): Uint8Array {
  const magic = byteOrder === "little" ? "EMiL" : "LiME";
  return Buffer.concat(
    pieces.flatMap(({ start, data, header }) => [
      rangeHeader({ magic, version: 1, start, last: start + data.length - 1, ...header }, byteOrder),
      data,
    ]),
  );
}

export interface AvmlOptions {
  /** Bytes per chunk; 65,536 if nothing is said. */
  readonly chunk?: number;
  /** Chunks of padding, of a kind to be skipped, and of data that is not compressed, between the others. */
  readonly mixed?: boolean;
  readonly header?: RangeHeader;
  /** What stands behind a range as its compressed length, less the true one. */
  readonly lengthError?: number;
  /** Added to the checksums. */
  readonly checksumError?: number;
}

/** An AVML file, compressed. */
export function buildAvml(pieces: readonly MemoryPiece[], options: AvmlOptions = {}): Uint8Array {
  return Buffer.concat(
    pieces.flatMap(({ start, data }) => {
      const stream = snappyFrames(data, options);
      const length = new ByteBuffer("little").u64(stream.length + (options.lengthError ?? 0)).toBytes();
      const last = start + data.length - 1;
      return [rangeHeader({ magic: "AVML", version: 2, start, last, ...options.header }, "little"), stream, length];
    }),
  );
}

function rangeHeader(header: Required<RangeHeader>, byteOrder: ByteOrder): Uint8Array {
  const out = new ByteBuffer(byteOrder).text(header.magic, 4).u32(header.version);
  return out.u64(header.start).u64(header.last).u64(0).toBytes();
}

/** A stream in snappy's frame format. */
export function snappyFrames(data: Uint8Array, options: AvmlOptions = {}): Uint8Array {
  const size = options.chunk ?? 65536;
  const chunks: Uint8Array[] = [chunk(0xff, Buffer.from("sNaPpY"))];
  for (let at = 0, i = 0; at < data.length; at += size, i++) {
    const part = data.subarray(at, at + size);
    const plain = options.mixed === true && i % 3 === 1;
    const checksum = new ByteBuffer("little").u32((masked(part) + (options.checksumError ?? 0)) >>> 0).toBytes();
    chunks.push(chunk(plain ? 1 : 0, Buffer.concat([checksum, plain ? part : compressPage("snappy", part)])));
    if (options.mixed !== true || at + size >= data.length) continue;
    if (i % 2 === 0) chunks.push(chunk(0xfe, Buffer.alloc(i * 7)));
    if (i % 5 === 4) chunks.push(chunk(0x80 + (i % 0x7e), Buffer.from("skip me")));
    if (i % 7 === 6) chunks.push(chunk(0xff, Buffer.from("sNaPpY")));
  }
  return Buffer.concat(chunks);
}

function chunk(type: number, data: Uint8Array): Uint8Array {
  const { length } = data;
  return Buffer.concat([Buffer.from([type, length & 0xff, (length >> 8) & 0xff, length >> 16]), data]);
}

function masked(data: Uint8Array): number {
  const crc = slowCrc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

const table = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C a byte at a time: not the program's own. */
export function slowCrc32c(data: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
  return (crc ^ 0xffff_ffff) >>> 0;
}
