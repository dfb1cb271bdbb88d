/** Reading BTF of either byte order: blobs built by hand with every kind of type. */
import { describe, expect, test } from "vitest";
import { type Btf, openBtf } from "../../../src/kernel/debuginfo/btf.js";
import { BTF_KIND } from "../../../src/kernel/debuginfo/btf-format.js";
import { btfTypes } from "../../../src/kernel/debuginfo/btf-types.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import { type BtfEntry, btfImage } from "../../support/btf-image.js";
import type { ByteOrder } from "../../support/bytes.js";

const int = (name: string, bytes: number, bits = bytes * 8, first = 0): BtfEntry => ({
  kind: BTF_KIND.INT,
  name,
  value: bytes,
  words: [first * 2 ** 16 + bits],
});
const compound = (kind: number, name: string, size: number, words: (number | string)[], flag = false): BtfEntry => ({
  kind,
  name,
  vlen: words.length / 3,
  value: size,
  flag,
  words,
});
const to = (kind: number, type: number, name = ""): BtfEntry => ({ kind, value: type, name });
const array = (element: number, count: number): BtfEntry => ({ kind: BTF_KIND.ARRAY, words: [element, 1, count] });

/** Ids count from 1. */
const entries: BtfEntry[] = [
  int("int", 4), // 1
  int("long unsigned int", 8), // 2
  compound(BTF_KIND.STRUCT, "list_head", 16, ["next", 4, 0, "prev", 4, 64]), // 3
  to(BTF_KIND.PTR, 3), // 4
  compound(BTF_KIND.STRUCT, "", 8, ["counter", 2, 0]), // 5
  to(BTF_KIND.TYPEDEF, 5, "atomic_long_t"), // 6
  array(6, 3), // 7
  compound(BTF_KIND.UNION, "", 16, ["lru", 3, 0, "", 9, 0]), // 8
  compound(BTF_KIND.STRUCT, "", 16, ["mapping", 11, 0, "index", 12, 64]), // 9
  { kind: BTF_KIND.FWD, name: "address_space" }, // 10
  to(BTF_KIND.PTR, 10), // 11
  to(BTF_KIND.VOLATILE, 2), // 12
  compound(BTF_KIND.STRUCT, "page", 64, ["flags", 2, 0, "", 8, 64, "vm_stat", 7, 192, "tail", 17, 512]), // 13
  { kind: BTF_KIND.ENUM, name: "pageflags", vlen: 2, value: 4, words: ["PG_locked", 0, "PG_slab", 9] }, // 14
  { kind: BTF_KIND.ENUM, name: "", vlen: 2, value: 4, flag: true, words: ["MINUS", -1, "PLUS", 1] }, // 15
  { kind: BTF_KIND.ENUM, name: "", vlen: 1, value: 4, words: ["TOP", 0xf0000000] }, // 16
  array(1, 0), // 17
  { kind: BTF_KIND.ENUM64, name: "wide", vlen: 1, value: 8, words: ["WIDE", 5, 0x80000000] }, // 18
  { kind: BTF_KIND.ENUM64, name: "deep", vlen: 1, value: 8, flag: true, words: ["DEEP", -2, -1] }, // 19
  compound(
    BTF_KIND.STRUCT,
    "flagged",
    12,
    ["whole", 1, 0, "one", 1, 2 ** 24 + 32, "three", 1, 3 * 2 ** 24 + 33, "far", 1, 5 * 2 ** 24 + 62],
    true,
  ), // 20
  int("int", 4, 3), // 21
  int("int", 4, 4, 2), // 22
  compound(BTF_KIND.STRUCT, "plain", 4, ["low", 21, 0, "high", 22, 8]), // 23
  { kind: BTF_KIND.FUNC_PROTO, vlen: 1, value: 1, words: ["argument", 1] }, // 24
  to(BTF_KIND.FUNC, 24, "do_it"), // 25
  to(BTF_KIND.PTR, 24), // 26
  { kind: BTF_KIND.VAR, name: "runqueues", value: 28, words: [1] }, // 27
  compound(BTF_KIND.STRUCT, "rq", 144, ["handler", 26, 0, "name", 31, 64, "matrix", 33, 128, "f", 34, 1088]), // 28
  { kind: BTF_KIND.DATASEC, name: ".data..percpu", vlen: 1, value: 40, words: [27, 0, 40] }, // 29
  to(BTF_KIND.CONST, 37), // 30
  to(BTF_KIND.PTR, 30), // 31
  array(1, 6), // 32
  array(32, 5), // 33
  { kind: BTF_KIND.FLOAT, name: "float", value: 4 }, // 34
  { kind: BTF_KIND.DECL_TAG, name: "tag", value: 28, words: [-1] }, // 35
  to(BTF_KIND.TYPE_TAG, 1, "user"), // 36
  int("char", 1), // 37
  to(BTF_KIND.RESTRICT, 36), // 38
  to(BTF_KIND.TYPEDEF, 38, "tagged_t"), // 39
];

function open(image: Uint8Array, base?: Btf): Btf {
  const btf = openBtf(image, base);
  if (btf === undefined) throw new Error("not opened");
  return btf;
}

/** As memory and files give bytes: a Buffer, whose slice() is no copy, at any place of a larger one. */
const inBuffer = (image: Uint8Array, offset: number) =>
  Buffer.concat([Buffer.alloc(offset), image, Buffer.alloc(8)]).subarray(offset, offset + image.length);

describe.each<readonly [ByteOrder, number]>([
  ["little", 0],
  ["big", 0],
  ["little", 1],
  ["big", 3],
])("%s endian, at byte %i of a Buffer", (byteOrder, offset) => {
  const image = inBuffer(btfImage(entries, { byteOrder }), offset);
  const btf = open(image);
  const types: KernelTypes = btfTypes(btf, 8, "a test");

  test("its bytes stay as they are", () => {
    expect(image.equals(btfImage(entries, { byteOrder }))).toBe(true);
  });

  test("every type is found, whatever follows its common part", () => {
    expect(btf.endId - 1).toBe(entries.length);
    expect(btf.type(0)).toBeUndefined();
    expect(btf.type(entries.length + 1)).toBeUndefined();
    for (const [i, { kind, name = "" }] of entries.entries()) {
      const type = btf.type(i + 1);
      expect(type).toMatchObject({ id: i + 1, kind });
      expect(btf.string(type?.name ?? 0)).toBe(name);
    }
  });

  test("sizes, by keyword, bare name, typedef, and C's other words for an integer", () => {
    expect(types.sizeOf("page")).toBe(64);
    expect(types.sizeOf("struct page")).toBe(64);
    expect(types.sizeOf(" struct  page ")).toBe(64);
    expect(types.sizeOf("union page")).toBeUndefined();
    expect(types.sizeOf("atomic_long_t")).toBe(8);
    expect(types.sizeOf("tagged_t")).toBe(4);
    expect(types.sizeOf("unsigned long")).toBe(8);
    expect(types.sizeOf("unsigned long int")).toBe(8);
    expect(types.sizeOf("enum pageflags")).toBe(4);
    expect(types.sizeOf("wide")).toBe(8);
    expect(types.sizeOf("float")).toBe(4);
    expect(types.sizeOf("struct anything *")).toBe(8);
    expect(types.sizeOf("address_space")).toBeUndefined();
    expect(types.sizeOf("do_it")).toBeUndefined();
    expect(types.sizeOf("")).toBeUndefined();
  });

  test("members, through anonymous structs, and by index", () => {
    expect(types.member("page", "flags")).toEqual({ name: "flags", offset: 0, size: 8, type: "unsigned long" });
    expect(types.member("page", "lru.prev")).toEqual({ name: "prev", offset: 16, size: 8, type: "struct list_head *" });
    expect(types.member("page", "mapping")).toMatchObject({ offset: 8, size: 8, type: "struct address_space *" });
    expect(types.member("page", "index")).toMatchObject({ offset: 16, type: "volatile unsigned long" });
    expect(types.member("struct page", "vm_stat")).toEqual({
      name: "vm_stat",
      offset: 24,
      size: 24,
      type: "atomic_long_t[3]",
      count: 3,
      elementSize: 8,
    });
    expect(types.member("page", "vm_stat[2].counter")).toMatchObject({ name: "counter", offset: 40, size: 8 });
    expect(types.member("page", "vm_stat[1]")).toEqual({
      name: "vm_stat[1]",
      offset: 32,
      size: 8,
      type: "atomic_long_t",
    });
    // A flexible array has as many elements as there are.
    expect(types.member("page", "tail[7]")).toMatchObject({ offset: 64 + 28, size: 4 });
  });

  test("what is no member is undefined", () => {
    for (const path of ["", ".", "nothing", "lru.nothing", "lru.next.next", "vm_stat[3]", "flags[0]", "lru[", "a b"]) {
      expect(types.member("page", path), path).toBeUndefined();
    }
    expect(types.member("nothing", "flags")).toBeUndefined();
    expect(types.members("int")).toBeUndefined();
  });

  test("direct members in order, anonymous ones too", () => {
    expect(types.members("page")?.map(({ name, offset, size, type }) => [name, offset, size, type])).toEqual([
      ["flags", 0, 8, "unsigned long"],
      ["", 8, 16, "union"],
      ["vm_stat", 24, 24, "atomic_long_t[3]"],
      ["tail", 64, 0, "int[0]"],
    ]);
  });

  test("bit fields of both encodings", () => {
    expect(types.member("flagged", "whole")).toEqual({ name: "whole", offset: 0, size: 4, type: "int" });
    expect(types.member("flagged", "one")).toMatchObject({ offset: 4, bitOffset: 0, bitSize: 1 });
    expect(types.member("flagged", "three")).toMatchObject({ offset: 4, bitOffset: 1, bitSize: 3 });
    // Over the end of its int: from the byte where it begins.
    expect(types.member("flagged", "far")).toMatchObject({ offset: 7, bitOffset: 6, bitSize: 5 });
    expect(types.member("plain", "low")).toMatchObject({ offset: 0, bitOffset: 0, bitSize: 3 });
    expect(types.member("plain", "high")).toMatchObject({ offset: 0, bitOffset: 10, bitSize: 4 });
  });

  test("enum constants, with the sign that the flag gives them", () => {
    expect(types.enumerator("PG_slab")).toBe(9n);
    expect(types.enumerator("MINUS")).toBe(-1n);
    expect(types.enumerator("TOP")).toBe(0xf000_0000n);
    expect(types.enumerator("WIDE")).toBe(0x8000_0000_0000_0005n);
    expect(types.enumerator("DEEP")).toBe(-2n);
    expect(types.enumerator("NOTHING")).toBeUndefined();
  });

  test("types in C's words", () => {
    expect(types.variable("runqueues")).toBe("struct rq");
    expect(types.variable("do_it")).toBeUndefined();
    expect(types.members("rq")?.map(({ type }) => type)).toEqual(["int (*)()", "const char *", "int[5][6]", "float"]);
    expect(types.member("rq", "matrix[4][5]")).toMatchObject({ offset: 16 + 4 * (4 * 6 + 5), size: 4 });
  });

  test("split BTF goes on where its base ends, and says first what it has itself", () => {
    const module = btfImage(
      [
        compound(BTF_KIND.STRUCT, "of_module", 24, ["list", 3, 0, "own", entries.length + 2, 128]),
        int("u64", 8),
        compound(BTF_KIND.STRUCT, "rq", 8, ["other", 2, 0]),
        { kind: BTF_KIND.ENUM, vlen: 1, value: 4, words: ["OF_MODULE", 3] },
      ],
      { byteOrder, baseStrings: btf.endString },
    );
    const split = btfTypes(open(module, btf), 8, "a module");
    expect(split.member("of_module", "list.prev")).toMatchObject({ offset: 8, type: "struct list_head *" });
    expect(split.member("of_module", "own")).toMatchObject({ offset: 16, size: 8, type: "u64" });
    expect(split.sizeOf("rq")).toBe(8);
    expect(split.sizeOf("page")).toBe(64);
    expect(split.enumerator("OF_MODULE")).toBe(3n);
    expect(split.enumerator("PG_slab")).toBe(9n);
    expect(types.sizeOf("rq")).toBe(144);
  });
});

test("without any flag enums are signed, as they were before 6.0", () => {
  const old = open(btfImage([{ kind: BTF_KIND.ENUM, vlen: 1, value: 4, words: ["MINUS", -1] }]));
  expect(old.enumerator("MINUS")).toBe(-1n);
});

test("a longer header is passed over; types behind one of an unknown kind are left out", () => {
  const image = btfImage([int("int", 4), { kind: 25, name: "new" }, int("short", 2)], { headerLength: 40 });
  const types = btfTypes(open(image), 4, "a test");
  expect(types.sizeOf("int")).toBe(4);
  expect(types.sizeOf("short")).toBeUndefined();
  expect(types.sizeOf("void *")).toBe(4);
});

test("what is no BTF, or is cut off, is undefined", () => {
  const image = btfImage(entries);
  expect(openBtf(new Uint8Array())).toBeUndefined();
  expect(openBtf(image.subarray(0, image.length - 1))).toBeUndefined();
  expect(openBtf(Uint8Array.from(image, (byte, i) => (i === 2 ? 2 : byte)))).toBeUndefined();
  expect(openBtf(image, open(btfImage(entries, { byteOrder: "big" })))).toBeUndefined();
});

test("members that do not lie in their struct, and structs of gigabytes, are not believed", () => {
  const types = btfTypes(
    open(
      btfImage([
        int("long", 8), // 1
        array(1, 3), // 2
        compound(BTF_KIND.STRUCT, "slab", 16, ["good", 1, 64, "far", 1, 8 * 0xff_ffff, "half", 1, 72, "long", 2, 0]), // 3
        compound(BTF_KIND.STRUCT, "giant", 0xffff_ffff, ["good", 1, 0]), // 4
        compound(BTF_KIND.STRUCT, "outer", 24, ["inner", 3, 64, "", 6, 0]), // 5
        compound(BTF_KIND.UNION, "", 64, ["hidden", 1, 8 * 56, "seen", 1, 0]), // 6
        array(1, 0), // 7
        compound(BTF_KIND.STRUCT, "flexible", 8, ["count", 1, 0, "rest", 7, 64]), // 8
      ]),
    ),
    8,
    "a test",
  );
  const found = (type: string, path: string) => types.member(type, path)?.offset;
  expect(["good", "far", "half", "long"].map((name) => found("slab", name))).toEqual([8, ...new Array(3)]);
  expect(types.members("slab")?.map(({ name }) => name)).toEqual(["good"]);
  expect([types.sizeOf("giant"), found("giant", "good")]).toEqual([undefined, undefined]);
  expect(["inner.good", "hidden", "seen"].map((name) => found("outer", name))).toEqual([16, undefined, 0]);
  expect(["rest", "rest[5]"].map((name) => found("flexible", name))).toEqual([8, 48]);
});

test("types that contain themselves end", () => {
  const types = btfTypes(
    open(
      btfImage([
        to(BTF_KIND.TYPEDEF, 1, "self"), // 1
        to(BTF_KIND.TYPEDEF, 3, "ping"), // 2
        to(BTF_KIND.CONST, 2, ""), // 3
        array(4, 2 ** 32 - 1), // 4
        to(BTF_KIND.TYPEDEF, 4, "endless"), // 5
        compound(BTF_KIND.STRUCT, "inside", 16, ["", 6, 0, "", 7, 0]), // 6
        compound(BTF_KIND.UNION, "", 16, ["", 6, 0, "", 7, 0, "x", 8, 8]), // 7
        to(BTF_KIND.PTR, 8), // 8
        array(10, 2 ** 32 - 1), // 9
        array(11, 2 ** 32 - 1), // 10
        int("char", 1), // 11
        to(BTF_KIND.TYPEDEF, 9, "huge"), // 12
      ]),
    ),
    8,
    "a test",
  );
  for (const name of ["self", "ping", "endless", "huge"]) expect(types.sizeOf(name), name).toBeUndefined();
  expect(types.member("inside", "nothing")).toBeUndefined();
  expect(types.member("inside", "x")).toMatchObject({ offset: 1, size: 8 });
});
