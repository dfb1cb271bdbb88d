import { KINDS } from "./struct-pages.mjs";

const PAGE = 4096;
const WORDS = ["error", "kernel", "module", "return", "struct", "device", "memory", "static", "config", "driver", "\n"];

/** What a page can hold. A mixture compresses about as well as a real kernel's pages. */
const FILLS = { objects, code, text, noise, mixed };
export const FILL_NAMES = [...Object.keys(FILLS), "zero"];

/** By kind: the share of pages that are zero. */
export const ZERO = Object.fromEntries(KINDS.map((kind) => [kind, 0.2]));
/** By kind: what the others hold. */
export const CONTENTS = Object.fromEntries(KINDS.map((kind) => [kind, kind === "slab" ? "objects" : "mixed"]));

/** Contents of a section's pages, and which of them are zero. */
export function pageContents(next, kinds, zero, contents) {
  const bytes = Buffer.alloc(kinds.length * PAGE);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const zeros = new Uint8Array(kinds.length);
  for (let pfn = 0; pfn < kinds.length; pfn++) {
    const kind = KINDS[kinds[pfn]];
    zeros[pfn] = next() / 2 ** 32 < zero[kind] || contents[kind] === "zero" ? 1 : 0;
    if (zeros[pfn] === 0) FILLS[contents[kind]](next, words, (pfn * PAGE) / 4, bytes);
  }
  return { bytes, zeros };
}

function mixed(next, words, at, bytes) {
  const lot = next() % 16;
  [objects, code, text, noise][lot < 6 ? 0 : lot < 11 ? 1 : lot < 15 ? 2 : 3](next, words, at, bytes);
}

/** Equal objects of 64 to 512 bytes: flags, counters and pointers into the direct map. */
function objects(next, words, at) {
  const size = 16 << (next() % 4);
  const shape = Array.from({ length: size }, () => next() % 8);
  // None is all zero by chance.
  shape[1] = 2;
  for (let i = 0; i < PAGE / 4; i++) {
    const kind = shape[i % size];
    if (kind === 0) words[at + i] = next() % 65536;
    else if (kind === 1 && i % 2 === 0) words[at + i] = (next() & 0x0fff_ffc0) >>> 0;
    else if (kind === 1) words[at + i] = 0xffff_8881;
    else if (kind === 2) words[at + i] = i * 64;
  }
}

/** Bytes distributed unevenly, with repetitions near by. */
function code(next, words, at) {
  for (let i = 0; i < PAGE / 4; i++) {
    const lot = next();
    words[at + i] =
      lot % 3 === 0 && i > 32 ? words[at + i - 1 - (lot % 31)] : ((lot & 0x0f07_3f0f) | 0x4800_0080) >>> 0;
  }
}

function text(next, _words, at, bytes) {
  for (let i = 0; i < PAGE; )
    i += bytes.write(`${WORDS[next() % WORDS.length]}${next() % 1000} `, at * 4 + i, PAGE - i);
}

function noise(next, words, at) {
  for (let i = 0; i < PAGE / 4; i++) words[at + i] = next();
}
