import { closeSync, openSync, readSync } from "node:fs";

/** Bytes for a kernel to work on, and what to call them when a test fails. */
export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const PAGE_SIZES = [4096, 8192, 16384, 65536] as const;

/** A small generator of numbers that are the same in every run: 32 bits a call. */
export function generator(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const next = generator(seed);
  // `Uint8Array.from` takes ten times as long.
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = next() >>> 24;
  return bytes;
}

/** Every 64 bytes like a struct page: flags, list pointers that step, a counter of -1, and mostly nothing else. */
function structPages(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const next = generator(7);
  for (let at = 0; at + 64 <= length; at += 64) {
    view.setBigUint64(at, 0x17ffffc0000000n | BigInt(next() & 0x3f), true);
    view.setBigUint64(at + 8, 0xffffea0000000008n + BigInt(at), true);
    view.setBigUint64(at + 16, 0xffffea0000000008n + BigInt(at - 64), true);
    if ((next() & 3) === 0) view.setBigUint64(at + 24, 0xffff888003a41e10n, true);
    view.setInt32(at + 48, -1, true);
    view.setUint32(at + 52, next() & 1, true);
  }
  return bytes;
}

/** 32-bit numbers that fall by a little from one to the next or, in three columns, from row to row: matches of 3 bytes. */
function numbers(length: number, columns: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const next = generator(41);
  const values = Array.from({ length: columns }, () => next());
  for (let at = 0; at + 4 <= length; at += 4) {
    const column = (at >> 2) % columns;
    values[column] = ((values[column] as number) - (next() % 40)) >>> 0;
    view.setUint32(at, values[column] as number, true);
  }
  return bytes;
}

function text(length: number): Uint8Array {
  const words = "the kernel page list lock of struct inode dentry vmalloc slab returns error 0x offset".split(" ");
  const next = generator(11);
  let out = "";
  while (out.length < length) out += `${words[next() % words.length]}${(next() & 15) === 0 ? "\n" : " "}`;
  return new TextEncoder().encode(out.slice(0, length));
}

/** `period` random bytes over and over: matches of distance `period` only. */
function periodic(length: number, period: number): Uint8Array {
  const unit = randomBytes(period, period);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += period) bytes.set(unit.subarray(0, Math.min(period, length - at)), at);
  return bytes;
}

/** Random, but its last `tail` bytes are its first: the farthest match there can be. */
function farMatch(length: number, distance: number, tail: number): Uint8Array {
  const bytes = randomBytes(length, distance);
  for (let i = length - tail; i < length; i++) bytes[i] = bytes[i - distance] ?? 0;
  return bytes;
}

/** Random bytes with short pieces of what went before strewn in: short matches and literal runs of every length. */
function pieces(length: number): Uint8Array {
  const bytes = randomBytes(length, 3);
  const next = generator(5);
  for (let at = 16; at < length; ) {
    const n = 3 + (next() % (next() & 7 ? 12 : 400));
    const distance = 1 + (next() % at);
    for (let i = at; i < Math.min(at + n, length); i++) bytes[i] = bytes[i - distance] ?? 0;
    at += n + (next() % (next() & 7 ? 8 : 600));
  }
  return bytes;
}

/** Structures of one size, each with a few bytes that differ from the one before: the next match is at the same distance. */
function structures(length: number, size: number): Uint8Array {
  const bytes = randomBytes(length, size);
  const next = generator(size + 1);
  for (let i = size; i < length; i++) bytes[i] = bytes[i - size] ?? 0;
  for (let at = size; at < length; at += size) {
    for (let field = at + (next() % 24); field < at + size; field += 1 + (next() % 40)) {
      const n = Math.min(1 + (next() % 8), length - field);
      for (let i = field; i < field + n; i++) bytes[i] = next() >>> 24;
    }
  }
  return bytes;
}

/** Runs of one byte in every length near the limits of the formats, with 1 to 40 random bytes between them. */
function runs(length: number): Uint8Array {
  const bytes = randomBytes(length, 31);
  const limits = [4, 8, 16, 32, 64, 128, 258, 264, 288, 516, 545, 1032];
  const next = generator(33);
  for (let at = 1; at < length; ) {
    const n = (limits[next() % limits.length] ?? 4) + (next() % 9) - 4;
    bytes.fill(next() & 3 ? 0 : next() >>> 24, at, at + n);
    at += n + 1 + (next() % (next() & 1 ? 6 : 40));
  }
  return bytes;
}

/** Byte counts like Fibonacci numbers, in random order: the deepest prefix code there is, too deep for deflate's limits. */
function fibonacci(length: number): Uint8Array {
  const bytes: number[] = [];
  for (let [symbol, a, b] = [0, 1, 1]; bytes.length < length; [symbol, a, b] = [symbol + 1, b, a + b]) {
    for (let i = 0; i < a; i++) bytes.push(symbol);
  }
  const next = generator(21);
  for (let i = bytes.length - 1; i > 0; i--) {
    const j = next() % (i + 1);
    [bytes[i], bytes[j]] = [bytes[j] ?? 0, bytes[i] ?? 0];
  }
  return Uint8Array.from(bytes.slice(0, length));
}

/** `count` pages spread over the running node binary: code, tables and strings. */
export function binaryPages(size: number, count: number): Uint8Array[] {
  const fd = openSync(process.execPath, "r");
  const pages: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const page = new Uint8Array(size);
    readSync(fd, page, 0, size, i * Math.floor(70e6 / count));
    pages.push(page);
  }
  closeSync(fd);
  return pages;
}

/** Samples of one length that between them reach every branch of the encoders. */
export function samples(length: number): Sample[] {
  const out: Sample[] = [
    { name: "zeros", bytes: new Uint8Array(length) },
    { name: "all 0xff", bytes: new Uint8Array(length).fill(0xff) },
    { name: "random", bytes: randomBytes(length, length) },
    { name: "text", bytes: text(length) },
    { name: "struct pages", bytes: structPages(length) },
    { name: "numbers", bytes: numbers(length, 1) },
    { name: "numbers in three columns", bytes: numbers(length, 3) },
    {
      name: "numbers, then text",
      bytes: Uint8Array.from([...numbers(length >> 1, 1), ...text(length - (length >> 1))]),
    },
    { name: "pieces", bytes: pieces(length) },
    { name: "runs", bytes: runs(length) },
    { name: "two symbols", bytes: randomBytes(length, 9).map((byte) => byte & 1) },
    { name: "fibonacci", bytes: fibonacci(length) },
    { name: "zeros behind random", bytes: randomBytes(length, 13).fill(0, length >> 1) },
    { name: "random behind zeros", bytes: randomBytes(length, 17).fill(0, 0, length >> 1) },
  ];
  for (const period of [2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 64, 1000]) {
    if (period < length) out.push({ name: `period ${period}`, bytes: periodic(length, period) });
  }
  for (const size of [8, 24, 64, 192, 1000]) {
    if (2 * size < length) out.push({ name: `structures of ${size}`, bytes: structures(length, size) });
  }
  // The limits of the distances of LZO (2048, 2049 to 3072, 16384, 49151), snappy (2047, 65535) and deflate (32768).
  for (const distance of [1024, 2047, 2048, 2049, 3072, 4000, 16383, 16384, 16385, 32767, 32768, 32769]) {
    if (distance + 40 <= length) out.push({ name: `match ${distance} back`, bytes: farMatch(length, distance, 30) });
  }
  for (const distance of [49150, 49151, 49152, 65400, 65500]) {
    if (distance + 36 <= length) out.push({ name: `match ${distance} back`, bytes: farMatch(length, distance, 36) });
  }
  binaryPages(length, 12).forEach((bytes, i) => {
    out.push({ name: `node page ${i}`, bytes });
  });
  return out;
}
