/**
 * A second LZO1X decoder, for tests only: it must not share a mistake with the one in src/. Written from the
 * description of the stream in Linux's Documentation/staging/lzo.rst, for clearness and not for speed.
 */

/** Decodes one LZO1X stream (version 0) of at most `limit` bytes; anything wrong with it throws. */
export function decodeLzo(input: Uint8Array, limit: number): Buffer {
  const output = Buffer.alloc(limit);
  let written = 0;
  let next = 0;

  const byte = (): number => {
    const value = input[next++];
    if (value === undefined) {
      throw new Error("the LZO stream ends inside an instruction");
    }
    return value;
  };
  /** Where the next bytes go. */
  const room = (count: number): number => {
    if (written + count > limit) {
      throw new Error(`the LZO stream decodes to more than ${limit} bytes`);
    }
    written += count;
    return written - count;
  };
  const literals = (count: number): void => {
    if (next + count > input.length) {
      throw new Error("the LZO stream ends inside an instruction");
    }
    output.set(input.subarray(next, next + count), room(count));
    next += count;
  };
  const copy = (distance: number, length: number): void => {
    if (distance > written) {
      throw new Error(`an LZO copy reaches ${distance} bytes back, ${written} bytes are there`);
    }
    const at = room(length);
    // Source and target may overlap, and then repeat: a byte of the target may be the source of a later one.
    if (distance >= length) output.copyWithin(at, at - distance, at - distance + length);
    else if (distance === 1) output.fill(output[at - 1] as number, at, at + length);
    else for (let i = at; i < at + length; i++) output[i] = output[i - distance] as number;
  };
  const longLength = (operand: number, bits: number): number => {
    if (operand !== 0) {
      return operand;
    }
    let length = (1 << bits) - 1;
    let extra = byte();
    while (extra === 0) {
      length += 255;
      extra = byte();
    }
    return length + extra;
  };

  // How many literals the instruction before copied: 0 to 3, or 4 for "a long run". It decides what codes below 16 mean.
  let state = 0;
  const first = input[0] ?? 0;
  if (first > 17) {
    next = 1;
    literals(first - 17);
    state = Math.min(first - 17, 4);
  }
  for (;;) {
    const code = byte();
    if (code < 16 && state === 0) {
      literals(3 + longLength(code, 4));
      state = 4;
      continue;
    }
    let trailing = code & 3;
    if (code < 16) {
      const distance = (byte() << 2) + (code >> 2);
      copy(distance + (state === 4 ? 2049 : 1), state === 4 ? 3 : 2);
    } else if (code < 64) {
      const near = code >= 32;
      const length = 2 + (near ? longLength(code & 31, 5) : longLength(code & 7, 3));
      const operand = byte() | (byte() << 8);
      trailing = operand & 3;
      const distance = (operand >> 2) + (near ? 1 : 16384 + ((code & 8) << 11));
      if (!near && distance === 16384) {
        break;
      }
      copy(distance, length);
    } else {
      const distance = (byte() << 3) + ((code >> 2) & 7) + 1;
      copy(distance, code < 128 ? 3 + ((code >> 5) & 1) : 5 + ((code >> 5) & 3));
    }
    literals(trailing);
    state = trailing;
  }
  if (next !== input.length) {
    throw new Error(`${input.length - next} bytes follow the end of the LZO stream`);
  }
  return output.subarray(0, written);
}
