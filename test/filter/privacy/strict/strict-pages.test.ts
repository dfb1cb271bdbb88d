import { expect, test } from "vitest";
import { type KernelWords, pointerSignature, wordTest } from "../../../../src/filter/privacy/strict/kernel-words.js";
import { RecordList } from "../../../../src/filter/privacy/strict/record-list.js";
import { strictFilter, strictScratch } from "../../../../src/filter/privacy/strict/strict-filter.js";
import { type StrictPages, WORD } from "../../../../src/filter/privacy/strict/strict-pages.js";
import { strictTablesSize, writeStrictTables } from "../../../../src/filter/privacy/strict/strict-tables.js";
import { objectShape } from "../../../../src/filter/privacy/strict/type-shape.js";
import { withinSlabs } from "../../../../src/filter/privacy/strict/within-slabs.js";
import { createWasmMemory } from "../../../../src/filter/wasm/load.js";
import type { KernelScalar } from "../../../../src/kernel/debuginfo/kernel-types.js";
import { IN_SHEAF } from "../../../../src/kernel/objects/slab-walk.js";
import { setBits, sharedBitmap } from "../../../../src/reader/bitmap.js";
import { parseVmcoreinfo } from "../../../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../../../src/warnings.js";

const WORDS: KernelWords = {
  wordSize: 8,
  littleEndian: true,
  // Two pieces: the direct map's first 64 MiB, and 16 KiB of the image.
  addresses: Float64Array.from([0xffff_8880_0000_0, 0xffff_8880_0400_0, 0xffff_ffff_8100_0, 0xffff_ffff_8100_4]),
  signature: 0,
};

test("of unknown words addresses that are mapped, small numbers and marks stay", () => {
  const stays = wordTest(WORDS);
  const word = (value: bigint) => stays(Number(value >> 32n), Number(value & 0xffff_ffffn));
  for (const value of [
    ...[0n, 1n, 0xff_ffffn, 0x1_0000_0001n, 0xffff_0000_ffffn, 0xffff_ffff_ffff_fff4n, 0xffff_ffff_0000_0001n],
    ...[0xffff_8880_0012_3458n, 0xffff_8880_03ff_ffffn, 0xffff_ffff_8100_0000n, 0xffff_ffff_8100_3fffn],
    ...[0x57ac_6e9dn, 0xdead_0000_0000_0100n, 0xdead_0000_0000_0122n, 0xffff_ffffn],
  ]) {
    expect(word(value), value.toString(16)).toBe(true);
  }
  for (const value of [
    ...[0x0100_0000n, 0x6463_6261n, 0x6867_6665_6463_6261n, 0x7ffe_1234_5678_9abcn, 0x0000_7f12_3456_7000n],
    ...[0xffff_8880_0400_0000n, 0xffff_ffff_8100_4000n, 0xffff_1234_5678_9abcn, 0xdead_0000_6162_6364n],
    ...[0x0001_0000_0000_0000n, 0x0001_0000_0000_0001n],
  ]) {
    expect(word(value), value.toString(16)).toBe(false);
  }
});

test("signed pointers of the kernel stay where the machine signs them; users' do not", () => {
  // As Linux 7.2 has it on arm64 with 48 bits of addresses: bits 48 to 63, of which 55 is no signature's.
  const words = { ...WORDS, signature: 0xffff_0000 };
  const signed = [0x12ac_8880_0012_3458n, 0x00ff_ffff_8100_0010n, 0xffff_ffff_8100_0010n];
  const others = [0x122c_8880_0012_3458n, 0x0000_8880_0012_3458n, 0x12ac_1234_5678_9abcn, 0x6867_6665_6463_6261n];
  const stays = wordTest(words);
  const word = (value: bigint) => stays(Number(value >> 32n), Number(value & 0xffff_ffffn));
  expect(signed.map(word)).toEqual([true, true, true]);
  expect(others.map(word)).toEqual([false, false, false, false]);
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  for (const [i, value] of [...signed, ...others].entries()) view.setBigUint64(i * 16, value, true);
  strictly({ ...strictPage(), words, objects: [] }, page, 0);
  expect(signed.map((_, i) => view.getBigUint64(i * 16, true))).toEqual(signed);
  expect(others.map((_, i) => view.getBigUint64((i + signed.length) * 16, true))).toEqual([0n, 0n, 0n, 0n]);
});

test("a signature is the bits above an address; nothing else lets words through", () => {
  const info = (value: string) => parseVmcoreinfo(`NUMBER(KERNELPACMASK)=${value}\n`, new Warnings());
  expect(pointerSignature(info("0xfff0000000000000"))).toBe(0xfff0_0000);
  expect(pointerSignature(info("0xffffff8000000000"))).toBe(0xffff_ff80);
  for (const value of [
    "0x0",
    "0xffffffffffffffff",
    "0xfff0000000000001",
    "0x7ff0000000000000",
    "0x8000000000000000",
    "-1",
  ])
    expect(pointerSignature(info(value)), value).toBe(0);
  expect(pointerSignature(undefined)).toBe(0);
});

test("on 32-bit machines, too", () => {
  const stays = wordTest({
    wordSize: 4,
    littleEndian: true,
    addresses: Float64Array.from([0xc0000, 0xc0100]),
    signature: 0,
  });
  expect([0, 65535, 0xc000_1234, 0xffff_fff4, 0x57ac_6e9d].map((value) => stays(0, value))).not.toContain(false);
  expect([65536, 0x6463_6261, 0xc010_0000, 0xbfff_ffff].map((value) => stays(0, value))).not.toContain(true);
});

/** What strict leaves of pages from `pfn` on, in their place; returns how many bytes it made 0. */
function strictly(strict: StrictPages, pages: Uint8Array, pfn: number): number {
  const [tables, at] = [strictTablesSize(strict), 1 << 16];
  const memory = createWasmMemory(4 << 16);
  const bytes = new Uint8Array(memory.buffer);
  expect(tables + strictScratch(4096)).toBeLessThan(at);
  writeStrictTables(strict, bytes);
  bytes.set(pages, at);
  const filter = strictFilter(strict, 4096, memory, 0);
  filter.clear(at, pages.length / 4096, pfn, tables);
  pages.set(bytes.subarray(at, at + pages.length));
  return filter.cleared;
}

const scalar = (name: string, offset: number, size: number, count = 1, kind: KernelScalar["kind"] = "integer") => ({
  ...{ name, offset, size, count, kind },
});

test("a type's numbers and pointers stay; characters, arrays of bytes, padding and what unions share with them go", () => {
  const scalars = [
    scalar("count", 0, 4),
    scalar("next", 8, 8, 1, "pointer"),
    scalar("name", 16, 1, 6),
    scalar("flag", 22, 1),
    scalar("wide", 24, 2, 4),
    scalar("u.number", 32, 8),
    scalar("u.text", 32, 1, 4),
    scalar("tail", 40, 1, 0),
  ];
  const { mask, words } = objectShape({ type: { scalars, size: 40 }, length: 64, link: -1, wordSize: 8 });
  const kept = Array.from(mask, (byte, at) => (byte === 255 ? at : -1)).filter((at) => at >= 0);
  // The pointer's bytes stay if its word does; of the union's number only what no text is over.
  expect(kept).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 22, 36, 37, 38, 39]);
  expect([...words.subarray(0, 5)]).toEqual([WORD.number, WORD.tested, WORD.number, WORD.masked, WORD.number]);
  const named = objectShape({ type: { scalars, size: 40 }, length: 40, link: -1, wordSize: 8, keep: ["name"] });
  expect([...named.mask.subarray(16, 24)]).toEqual([255, 255, 255, 255, 255, 255, 255, 0]);
});

test("an array without a count goes on to the object's end only where it is the last; what is behind a type is tested", () => {
  const scalars = [scalar("pad", 8, 1, 0), scalar("number", 8, 8)];
  const { mask, words } = objectShape({ type: { scalars, size: 16 }, length: 24, link: -1, wordSize: 8 });
  expect(mask[8]).toBe(255);
  expect([...words]).toEqual([WORD.masked, WORD.wide, WORD.tested]);
});

test("arrays of numbers: what in them is text goes, however short; numbers stay", () => {
  const scalars = [scalar("blocks", 0, 4, 15), scalar("times", 64, 8, 4), scalar("few", 96, 8, 3)];
  const { words } = objectShape({ type: { scalars, size: 120 }, length: 120, link: -1, wordSize: 8 });
  expect([...words.subarray(0, 8)]).toEqual([...Array(7).fill(WORD.tested), WORD.masked]);
  expect([...words.subarray(8)]).toEqual([...Array(4).fill(WORD.list), ...Array(3).fill(WORD.wide)]);
  const strict: StrictPages = {
    ...strictPage(),
    ...{ shapes: [{ at: 0, length: 120, link: -1 }], masks: new Uint8Array(120).fill(255), kinds: words },
  };
  const list = new RecordList();
  list.add({ start: 4096, stride: 120, count: 1, shape: 0, free: -1 });
  const page = Buffer.alloc(4096);
  // A short link's target, and its end in the middle of a word.
  page.write("secret-place12", 0, "latin1");
  page.write("key4", 16, "latin1");
  page.writeBigUInt64LE(0x7f12_3456_7fffn, 64);
  page.writeBigUInt64LE(1_764_445_000_123_456_789n, 72);
  page.write("words", 80, "latin1");
  // A key, the largest time, a small negative number.
  page.writeBigUInt64LE(0x9c3f_5a11_7be2_0d46n, 96);
  page.writeBigUInt64LE(0x7fff_ffff_ffff_ffffn, 104);
  page.writeBigInt64LE(-5n, 112);
  strictly({ ...strict, objects: [list.records()] }, page, 1);
  expect(page.subarray(0, 24).every((byte) => byte === 0)).toBe(true);
  expect(page.readBigUInt64LE(64)).toBe(0x7f12_3456_7fffn);
  expect(page.readBigUInt64LE(72)).toBe(1_764_445_000_123_456_789n);
  expect([80, 96, 104, 112].map((at) => page.readBigInt64LE(at))).toEqual([0n, 0n, 0x7fff_ffff_ffff_ffffn, -5n]);
});

test("a type that is longer than its objects does not reach into the next one, and a free object is nobody's", () => {
  const slabs = new RecordList();
  slabs.add({ start: 4096, stride: 64, count: 4, shape: 0, free: 0 });
  const single = new RecordList();
  single.add({ start: 4096, stride: 80, count: 1, shape: 1, free: -1 });
  single.add({ start: 4096 + 128 + 16, stride: 40, count: 1, shape: 1, free: -1 });
  single.add({ start: 4096 + 192 + 8, stride: 80, count: 1, shape: 1, free: -1 });
  single.add({ start: 8192, stride: 80, count: 1, shape: 1, free: -1 });
  // The next object, which the first one's type reaches into.
  single.add({ start: 4096 + 64, stride: 60, count: 1, shape: 1, free: -1 });
  // A second piece of one that began in the last object but one, and ends there.
  single.add({ start: 4096 + 192, stride: 8, count: 1, shape: 1, free: -1, before: 100 });
  const cut = single.records(withinSlabs(slabs.records(), Uint8Array.of(0, 0, 1, 0)));
  expect([...cut.start].map((start) => start - 4096)).toEqual([0, 64, 200, 4096]);
  expect([...cut.stride]).toEqual([64, 60, 56, 80]);
});

/** Page 1 of a machine, of 4 KiB, with one slab at its begin: three objects of 32 bytes, a number and 24 characters; the second is free. */
function strictPage(): StrictPages {
  const shape = objectShape({
    type: { scalars: [scalar("number", 0, 8), scalar("text", 8, 1, 24)], size: 32 },
    ...{ length: 32, link: 16, wordSize: 8 },
  });
  const slabs = new RecordList();
  slabs.add({ start: 4096, stride: 32, count: 3, shape: 0, free: 0 });
  const single = new RecordList();
  single.keep(4096 + 1001, 6);
  return {
    words: WORDS,
    asIs: sharedBitmap(16),
    shapes: [{ at: 0, length: 32, link: 16 }],
    ...{ masks: shape.mask, kinds: shape.words, free: Uint8Array.from([0, 1, 0]) },
    objects: [slabs.records(), single.records()],
  };
}

test("a page: objects by their shape, free ones' links, kept bytes, and all else word by word", () => {
  const strict = strictPage();
  const page = Buffer.alloc(4096, "abcdefgh");
  page.writeBigUInt64LE(123_456_789_012_345n, 0);
  page.writeBigUInt64LE(0x9f12_3456_789a_bcden, 32 + 16);
  page.writeBigUInt64LE(0xffff_8880_0000_1000n, 2048);
  page.writeBigUInt64LE(77n, 2056);
  // Text of 4 bytes a character: each word of it would pass for two small numbers.
  Buffer.from("Qwertyui", "utf16le").forEach((byte, i) => {
    page[2064 + (i >> 1) * 4 + (i & 1)] = byte;
    page[2066 + (i >> 1) * 4] = 0;
    page[2067 + (i >> 1) * 4] = 0;
  });
  const cleared = strictly(strict, page, 1);
  expect(page.readBigUInt64LE(0)).toBe(123_456_789_012_345n);
  expect(page.subarray(8, 32).every((byte) => byte === 0)).toBe(true);
  expect(page.readBigUInt64LE(48)).toBe(0x9f12_3456_789a_bcden);
  expect(page.subarray(32, 48).every((byte) => byte === 0)).toBe(true);
  // The third object's number is eight characters.
  expect(page.readBigUInt64LE(64)).toBe(0n);
  expect(page.readBigUInt64LE(2048)).toBe(0xffff_8880_0000_1000n);
  expect(page.readBigUInt64LE(2056)).toBe(77n);
  expect(page.subarray(2064, 2096).every((byte) => byte === 0)).toBe(true);
  expect(page.subarray(1000, 1008).toString("latin1")).toBe("\0bcdefg\0");
  const left = page.toString("latin1").match(/[ -~]{4,}/g);
  expect(left).toEqual(["bcdefg"]);
  expect(cleared).toBeGreaterThan(3000);
});

test("a free object in a sheaf is on no list: what is in the place of its link goes", () => {
  const page = Buffer.alloc(4096);
  page.writeBigUInt64LE(0x9f12_3456_789a_bcden, 48);
  strictly({ ...strictPage(), free: Uint8Array.of(0, IN_SHEAF, 0) }, page, 1);
  expect(page.readBigUInt64LE(48)).toBe(0n);
});

test("a page that stays as it is, and one of a run behind it", () => {
  const strict = strictPage();
  setBits(strict.asIs, 2, 3);
  const pages = Buffer.alloc(8192, "abcdefgh");
  strictly(strict, pages, 2);
  expect(pages.subarray(0, 4096).equals(Buffer.alloc(4096, "abcdefgh"))).toBe(true);
  expect(pages.subarray(4096).every((byte) => byte === 0)).toBe(true);
});

test("big-endian words of 4 bytes", () => {
  const strict: StrictPages = {
    ...strictPage(),
    words: { wordSize: 4, littleEndian: false, addresses: Float64Array.from([0xc0000, 0xc0100]), signature: 0 },
    objects: [],
  };
  const page = Buffer.alloc(4096);
  page.writeUInt32BE(0xc000_1234, 0);
  page.writeUInt32BE(300, 4);
  page.write("text", 8, "latin1");
  strictly(strict, page, 1);
  expect([page.readUInt32BE(0), page.readUInt32BE(4), page.readUInt32BE(8)]).toEqual([0xc000_1234, 300, 0]);
});
