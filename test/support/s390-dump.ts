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
}: S390DumpOptions): Buffer {
  const head = Buffer.alloc(4096);
  head.set(Buffer.from("a8190173618f23fd", "hex"));
  head.writeUInt32BE(5, 0x08);
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
