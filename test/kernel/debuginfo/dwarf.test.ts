/** Types out of DWARF of every version, word size and byte order, as compilers write it. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openVmlinux, type Vmlinux } from "../../../src/kernel/debuginfo/vmlinux.js";

const folder = fileURLToPath(new URL("../../fixtures/dwarf/", import.meta.url));
const fixtures = readdirSync(folder).filter((name) => /^(x86-64|i386|s390x)-/.test(name));

function open<T>(name: string, use: (vmlinux: Vmlinux) => T): T {
  const vmlinux = openVmlinux(`${folder}${name}`, ["dwarf"]);
  try {
    return use(vmlinux);
  } finally {
    vmlinux.close();
  }
}

test("all kinds are there", () => {
  expect(fixtures).toHaveLength(12);
});

describe.each(fixtures)("%s", (name) => {
  const word = name.startsWith("i386") ? 4 : 8;

  test("sizes, by every way to name a type", () => {
    const sizes = open(name, ({ types }) =>
      [
        "page",
        "struct page",
        "bits",
        "atomic_t",
        "word_t",
        "unsigned long",
        "long unsigned int",
        "enum page_flags",
        "area *",
      ].map((type) => types.sizeOf(type)),
    );
    const page = word === 8 ? 48 : 28;
    expect(sizes).toEqual([page, page, word === 8 ? 16 : 12, 4, word, word, word, 4, word]);
  });

  test("members: through anonymous structs, typedefs and arrays of any dimension", () => {
    open(name, ({ types }) => {
      expect(types.member("page", "lru.next")).toEqual({
        name: "next",
        offset: word,
        size: word,
        type: "struct list_head *",
      });
      expect(types.member("page", "share")).toMatchObject({ offset: 4 * word, type: "word_t" });
      expect(types.member("page", "compound_order")).toMatchObject({ offset: 2 * word + 1, size: 1 });
      expect(types.member("page", "_mapcount.counter")).toMatchObject({ offset: 5 * word, size: 4, type: "int" });
      const area = 11 * word;
      expect(types.member("zone", "free_area")).toMatchObject({ offset: 0, count: 11, elementSize: area });
      expect(types.member("zone", "free_area[3].free_list[2].prev")?.offset).toBe(3 * area + 2 * 2 * word + word);
      expect(types.member("zone", "vm_stat")).toEqual({
        name: "vm_stat",
        offset: 11 * area,
        size: 6 * word,
        type: "long[2][3]",
        count: 2,
        elementSize: 3 * word,
      });
      expect(types.member("zone", "vm_stat[1]")).toMatchObject({
        offset: 11 * area + 3 * word,
        type: "long[3]",
        count: 3,
      });
      expect(types.member("zone", "vm_stat[1][2]")).toMatchObject({ offset: 11 * area + 5 * word, type: "long" });
      expect(types.member("zone", "call")).toMatchObject({ type: "int (*)()", size: word });
      expect(types.member("zone", "flexible[7]")).toMatchObject({ offset: 11 * area + 8 * word + 7, size: 1 });
      expect(types.members("page")?.map((member) => `${member.name}@${member.offset}`)).toEqual([
        "flags@0",
        `@${word}`,
        `@${5 * word}`,
        `_refcount@${5 * word + 4}`,
      ]);
    });
  });

  test("bit fields, counted in the machine's order", () => {
    const bits = open(name, ({ types }) => types.members("struct bits"));
    const places = bits?.map(({ name: field, offset, bitOffset, bitSize }) => {
      return [field, bitOffset === undefined ? offset * 8 : offset * 8 + bitOffset, bitSize];
    });
    const wide = word === 8 ? 64 : 32;
    expect(places).toEqual([
      ["before", 0, undefined],
      ["one", 8, 1],
      ["five", 9, 5],
      ["nine", 17, 9],
      ["wide", wide, 40],
      ["after", wide + 40, 3],
    ]);
  });

  test("enumerators, variables, and what there is not", () => {
    open(name, ({ types }) => {
      const enumerators = ["PG_locked", "PG_lru", "PG_negative", "ANONYMOUS_FIRST", "ANONYMOUS_SECOND"];
      expect(enumerators.map((one) => types.enumerator(one))).toEqual([0n, 5n, -2n, 0x7fffffffn, 3n]);
      const variables = ["zones", "mem_map", "areas", "local", "flags_variable", "atomic_variable"];
      expect(variables.map((one) => types.variable(one))).toEqual([
        "struct zone[2]",
        "struct page * const",
        "struct area[4]",
        "struct bits",
        "enum page_flags",
        "atomic_t",
      ]);
      expect(types.sizeOf("no_such")).toBeUndefined();
      expect(types.sizeOf("union page")).toBeUndefined();
      expect(types.member("page", "no_such")).toBeUndefined();
      expect(types.member("page", "flags.x")).toBeUndefined();
      expect(types.member("page", "flags[0]")).toBeUndefined();
      expect(types.member("zone", "free_area[11]")).toBeUndefined();
      expect(types.members("word_t")).toBeUndefined();
      expect(types.enumerator("PG_none")).toBeUndefined();
      expect(types.variable("none")).toBeUndefined();
    });
  });

  test("banner and build id; a debug file has no banner", () => {
    open(name, ({ banner, buildId, linked }) => {
      const text = "Linux version 6.1.0-fixture (builder@host) (gcc) #1 SMP";
      expect(banner).toBe(name === "x86-64-debug-only" ? undefined : text);
      expect(buildId).toMatch(/^[0-9a-f]{40}$/);
      expect(linked("zones")?.size).toBeGreaterThan(500);
      expect(linked("zonesx")).toBeUndefined();
    });
  });
});
