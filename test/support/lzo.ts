/**
 * A small LZO1X encoder for bitstream version 0, written from the public description of the stream
 * (Documentation/staging/lzo.rst in the Linux source). It uses only three instructions: the literal run, the match of
 * up to 16 KiB distance, and the end marker; every decoder of the format must read that.
 */

const END_MARKER = [0x11, 0x00, 0x00];
const MIN_MATCH = 4;
const MAX_DISTANCE = 16_384;

/** The compressed form. It can be longer than the input: a page that does not shrink has to be stored raw. */
export function lzoCompress(input: Uint8Array): Uint8Array {
  const out: number[] = [];
  const lastSeen = new Map<number, number>();
  let literalStart = 0;
  let at = 0;
  while (at + MIN_MATCH <= input.length) {
    const key = readKey(input, at);
    const candidate = lastSeen.get(key);
    lastSeen.set(key, at);
    if (candidate === undefined || at - candidate > MAX_DISTANCE || at === 0) {
      at++;
      continue;
    }
    let length = MIN_MATCH;
    while (at + length < input.length && input[candidate + length] === input[at + length]) {
      length++;
    }
    putLiterals(out, input.subarray(literalStart, at));
    putMatch(out, at - candidate, length);
    at += length;
    literalStart = at;
  }
  putLiterals(out, input.subarray(literalStart));
  out.push(...END_MARKER);
  return Uint8Array.from(out);
}

function readKey(input: Uint8Array, at: number): number {
  return (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8) | ((input[at + 2] ?? 0) << 16) | ((input[at + 3] ?? 0) << 24);
}

function putLiterals(out: number[], literals: Uint8Array): void {
  const count = literals.length;
  if (count === 0) {
    return;
  }
  if (out.length === 0 && count <= 238) {
    out.push(17 + count);
  } else if (count <= 3) {
    // Up to three literals ride in the low bits of the match before them: its last-but-one byte.
    const low = out.length - 2;
    out[low] = (out[low] ?? 0) | count;
  } else if (count <= 18) {
    out.push(count - 3);
  } else {
    out.push(0);
    putExtension(out, count - 18);
  }
  for (const byte of literals) {
    out.push(byte);
  }
}

function putMatch(out: number[], distance: number, length: number): void {
  if (length <= 33) {
    out.push(0x20 | (length - 2));
  } else {
    out.push(0x20);
    putExtension(out, length - 33);
  }
  const value = (distance - 1) << 2;
  out.push(value & 0xff, value >>> 8);
}

/** A length beyond the instruction's own bits: 255 per zero byte, then one byte of 1 to 255. */
function putExtension(out: number[], value: number): void {
  let rest = value;
  while (rest > 255) {
    out.push(0);
    rest -= 255;
  }
  out.push(rest);
}
