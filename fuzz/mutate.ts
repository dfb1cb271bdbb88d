import type { Random } from "./random.js";
import type { FuzzTarget } from "./target.js";
import { put, take, VALUES } from "./values.js";

/** Texts and numbers of the sources, as bytes. */
export type Dictionary = readonly Uint8Array[];

/** An input made of another by a few changes: fields overwritten, ranges cut, doubled or moved, parts of a second one. */
export function mutate(
  base: Uint8Array,
  other: Uint8Array,
  target: FuzzTarget,
  words: Dictionary,
  random: Random,
): Uint8Array {
  let bytes: Uint8Array = base.slice();
  for (let changes = 1 + random(random(4) === 0 ? 12 : 4); changes > 0; changes--) {
    bytes = change(bytes, other, target, words, random);
  }
  return bytes.subarray(0, target.longest ?? 65_536);
}

function change(
  bytes: Uint8Array,
  other: Uint8Array,
  target: FuzzTarget,
  words: Dictionary,
  random: Random,
): Uint8Array {
  const { length } = bytes;
  if (length === 0) return Uint8Array.of(random(256));
  if (target.text === true && random(2) === 0) return changeText(bytes, random);
  const near = Math.min(length, target.reach ?? length);
  const any = random(4) === 0 ? random(length) : random(near);
  const size = [1, 2, 4, 8][random(4)] as number;
  const at = random(4) > 0 ? any - (any % Math.min(size, 4)) : any;
  const little = random(3) > 0;
  const span = 1 + random(random(3) === 0 ? length : Math.min(length, 32));
  const end = Math.min(length, at + span);
  switch (random(14)) {
    case 0:
      bytes[any] = random(256);
      return bytes;
    case 1:
      bytes[any] = (bytes[any] as number) ^ (1 << random(8));
      return bytes;
    case 2:
    case 3:
    case 4:
      put(bytes, at, VALUES[random(VALUES.length)] as bigint, size, little);
      return bytes;
    case 5:
      put(bytes, at, take(bytes, at, size, little) + BigInt(random(33) - 16), size, little);
      return bytes;
    case 6:
      put(bytes, at, BigInt(Math.max(0, length - 16 + random(33))), size, little);
      return bytes;
    case 7:
      return join(bytes.subarray(0, at), bytes.subarray(end));
    case 8:
      return join(bytes.subarray(0, end), bytes.subarray(at));
    case 9:
      bytes.copyWithin(random(length), at, end);
      return bytes;
    case 10:
      bytes.fill([0, 0xff, 0x80, random(256)][random(4)] as number, at, end);
      return bytes;
    case 11: {
      const word = words[random(words.length)] ?? Uint8Array.of(0);
      if (random(2) === 0) return join(bytes.subarray(0, at), word, bytes.subarray(at));
      bytes.set(word.subarray(0, length - at), at);
      return bytes;
    }
    case 12:
      return random(4) > 0
        ? join(bytes.subarray(0, at), other.subarray(random(other.length + 1)))
        : bytes.slice(0, 1 + random(length));
    default: {
      const second = random(near);
      const [one, two] = [take(bytes, at, size, true), take(bytes, second, size, true)];
      put(bytes, at, two, size, true);
      put(bytes, second, one, size, true);
      return bytes;
    }
  }
}

/** A number replaced, a line dropped, doubled, or put elsewhere. */
function changeText(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  if (random(2) === 0) {
    const numbers = [...text.matchAll(/(0x)?[0-9a-f]{0,16}[0-9][0-9a-f]{0,16}/gi)];
    const chosen = numbers[random(numbers.length)];
    if (chosen !== undefined) {
      const value = VALUES[random(VALUES.length)] as bigint;
      const digits = [`${value}`, value.toString(16), `0x${value.toString(16)}`, `-${value}`, "9".repeat(random(400))];
      const number = digits[random(digits.length)] as string;
      return Buffer.from(text.slice(0, chosen.index) + number + text.slice(chosen.index + chosen[0].length), "latin1");
    }
  }
  const lines = text.split("\n");
  const [at, to] = [random(lines.length), random(lines.length)];
  const line = lines[at] as string;
  if (random(3) === 0) lines.splice(at, 1);
  else if (random(2) === 0) lines.splice(to, 0, line);
  else lines[to] = line.slice(0, random(line.length + 1)) + (lines[to] as string).slice(random(8));
  return Buffer.from(lines.join("\n"), "latin1");
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
