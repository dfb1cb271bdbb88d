/** How a whole file or stream is packed: as the tools of these names write it. */
export type Packing = "zstd" | "lz4" | "gzip";

/** Little endian, as both formats have it. */
export const ZSTD_MAGIC = 0xfd2fb528;
export const LZ4_MAGIC = 0x184d2204;
/** The last four bits are free: frames that zstd and LZ4 readers pass over (RFC 8878, 3.1.2). */
export const SKIPPABLE_MAGIC = 0x184d2a50;
/** Bytes that tell the packing. */
export const MAGIC_SIZE = 4;

/** How a file is packed by its first bytes. "skippable": zstd or lz4, which only what follows tells. */
export function packingOf(head: Uint8Array): Packing | "skippable" | undefined {
  // The method is always deflate.
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return "gzip";
  if (head.length < MAGIC_SIZE) return undefined;
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  if (magic === ZSTD_MAGIC) return "zstd";
  if (magic === LZ4_MAGIC) return "lz4";
  return (magic & ~15) === SKIPPABLE_MAGIC ? "skippable" : undefined;
}
