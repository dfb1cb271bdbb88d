/** Stand-alone dumps of s390, as a dump device of zipl has them. */
export interface S390DumpOptions {
  readonly memory: Uint8Array;
  readonly start?: number;
  /** Prefix addresses, one for each CPU. */
  readonly prefixes?: readonly number[];
  /** "none", or the clock of the end marker. */
  readonly end?: "none" | bigint;
  readonly arch?: number;
  readonly headerSize?: number;
  readonly claimed?: number;
  readonly volume?: number;
  readonly extended?: boolean;
  readonly packed?: boolean;
}

/** 2026-01-01. */
export const S390_CLOCK = 0x7d91_048b_ca00_0000n + (1_767_225_600_000_000n << 12n);

export function buildS390Dump({
  memory,
  start = 0,
  prefixes = [],
  end = S390_CLOCK + 1n,
  arch = 2,
  headerSize = 4096,
  claimed = memory.length,
  volume,
  extended = false,
  packed = false,
}: S390DumpOptions): Buffer {
  const head = Buffer.alloc(4096);
  head.set(Buffer.from(extended ? "a8190173618f23fe" : "a8190173618f23fd", "hex"));
  head.writeUInt32BE(extended ? 1 : 5, 0x08);
  if (packed) head[0x61] = 1;
  if (volume !== undefined) {
    head.writeUInt32BE(volume, 0x4c);
    head[0x5c] = 1;
  }
  head.writeUInt32BE(headerSize, 0x0c);
  head.writeUInt32BE(4096, 0x14);
  head.writeBigUInt64BE(BigInt(claimed), 0x18);
  head.writeBigUInt64BE(BigInt(start), 0x20);
  head.writeBigUInt64BE(BigInt(start + claimed), 0x28);
  head.writeUInt32BE(Math.floor(claimed / 4096), 0x30);
  head.writeBigUInt64BE(S390_CLOCK, 0x38);
  head.writeUInt32BE(arch, 0x48);
  head.writeUInt32BE(2, 0x50);
  head.writeBigUInt64BE(BigInt(claimed), 0x54);
  head.writeUInt16BE(prefixes.length, 0x5d);
  head.writeUInt16BE(prefixes.length, 0x5f);
  prefixes.forEach((prefix, i) => {
    head.writeUInt32BE(prefix, 0x800 + 4 * i);
  });
  if (end === "none") return Buffer.concat([head, memory]);
  const marker = Buffer.alloc(16);
  marker.write("DUMP_END", 0, "latin1");
  marker.writeBigUInt64BE(end, 8);
  return Buffer.concat([head, memory, marker]);
}

/** A piece of memory that a segment of an extended dump has. */
export interface S390Segment {
  readonly start: number;
  readonly data: Uint8Array;
}

/** The segments of an extended dump, or of one of its volumes; `last`: nothing follows. */
export function s390Segments(segments: readonly S390Segment[], last: boolean): Buffer {
  return Buffer.concat(
    segments.flatMap(({ start, data }, i) => {
      const head = Buffer.alloc(4096);
      head.writeBigUInt64BE(BigInt(start), 0);
      head.writeBigUInt64BE(BigInt(data.length), 8);
      if (last && i === segments.length - 1) head.writeBigUInt64BE(2n ** 64n - 1n, 16);
      return [head, data];
    }),
  );
}

const MIB = 1 << 20;

/** The megabytes of a memory that are not all zeros, neighbours as one, as the dump tool finds them. */
export function nonZeroSegments(memory: Uint8Array): S390Segment[] {
  const found: { start: number; end: number }[] = [];
  for (let start = 0; start < memory.length; start += MIB) {
    if (
      Buffer.from(memory.buffer, memory.byteOffset + start, Math.min(MIB, memory.length - start)).every(
        (byte) => byte === 0,
      )
    )
      continue;
    const last = found.at(-1);
    const end = Math.min(start + MIB, memory.length);
    if (last?.end === start) last.end = end;
    else found.push({ start, end });
  }
  return found.map(({ start, end }) => ({ start, data: memory.subarray(start, end) }));
}
