/** BTF blobs of either byte order, written by hand from a list of types (Documentation/bpf/btf.rst). */
import { ByteBuffer, type ByteOrder } from "./bytes.js";

/** One type: its common part and the u32 words behind it. Strings stand for their offsets. */
export interface BtfEntry {
  readonly kind: number;
  readonly name?: string;
  readonly vlen?: number;
  readonly flag?: boolean;
  /** Size or type. */
  readonly value?: number;
  readonly words?: readonly (number | string)[];
}

export interface BtfOptions {
  readonly byteOrder?: ByteOrder;
  /** Bytes of the strings of the base, for split BTF. */
  readonly baseStrings?: number;
  /** Bytes of a longer header than today's. */
  readonly headerLength?: number;
}

/** The blob; ids count from 1 in the order of `entries`. */
export function btfImage(entries: readonly BtfEntry[], options: BtfOptions = {}): Uint8Array {
  const { byteOrder = "little", baseStrings = 0, headerLength = 24 } = options;
  // Split BTF need not begin with an empty string: the base's is offset 0.
  const strings = new ByteBuffer(byteOrder);
  if (baseStrings === 0) strings.u8(0);
  const offsets = new Map<string, number>([["", 0]]);
  const offsetOf = (text: string): number => {
    const known = offsets.get(text);
    if (known !== undefined) return known;
    const offset = baseStrings + strings.length;
    offsets.set(text, offset);
    strings.bytes(Buffer.from(`${text}\0`, "latin1"));
    return offset;
  };
  const types = new ByteBuffer(byteOrder);
  for (const { kind, name = "", vlen = 0, flag = false, value = 0, words = [] } of entries) {
    types.u32(offsetOf(name));
    types.u32((((flag ? 0x80 : 0) | kind) * 2 ** 24 + vlen) >>> 0);
    types.u32(value);
    for (const word of words) types.u32(typeof word === "string" ? offsetOf(word) : word >>> 0);
  }
  const blob = new ByteBuffer(byteOrder);
  blob.u16(0xeb9f);
  blob.u8(1);
  blob.u8(0);
  for (const word of [headerLength, 0, types.length, types.length, strings.length]) blob.u32(word);
  blob.seek(headerLength);
  blob.bytes(types.toBytes());
  blob.bytes(strings.toBytes());
  return blob.toBytes();
}
