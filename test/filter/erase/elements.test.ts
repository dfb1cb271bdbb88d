/** Lists, chains, arrays and pointers laid out by hand: whole ones, and such as a damaged or hostile dump has. */
import { expect, test } from "vitest";
import { elementsOf } from "../../../src/filter/erase/elements.js";
import { parseEraseRules } from "../../../src/filter/erase/parse-rules.js";
import { noMisses, ValueFinder } from "../../../src/filter/erase/values.js";
import type { KernelMember, KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { virtualMemory } from "../../support/virtual-memory.js";

const BASE = 0xffff_8000_0000_0000n;
const WILD = 0x1234n;

/** struct item { int id; struct list_head list; struct item *next; char *name; struct item *all[3]; char text[8]; } */
const ITEM: Readonly<Record<string, Omit<KernelMember, "name">>> = {
  id: { offset: 0, size: 4, type: "int" },
  list: { offset: 8, size: 16, type: "struct list_head" },
  next: { offset: 24, size: 8, type: "struct item *" },
  name: { offset: 32, size: 8, type: "const char *" },
  all: { offset: 40, size: 24, type: "struct item *[3]", count: 3, elementSize: 8 },
  "all[0]": { offset: 40, size: 8, type: "struct item *" },
  "all[1]": { offset: 48, size: 8, type: "struct item *" },
  "all[2]": { offset: 56, size: 8, type: "struct item *" },
  text: { offset: 64, size: 8, type: "char[8]", count: 8, elementSize: 1 },
  "text[3]": { offset: 67, size: 1, type: "char" },
};
const SIZES: Readonly<Record<string, number>> = {
  "struct item": 72,
  item: 72,
  "struct list_head": 16,
  char: 1,
  int: 4,
};

const types: KernelTypes = {
  source: "a test",
  sizeOf: (type) => (type.endsWith("*") ? 8 : SIZES[type]),
  member(type, path) {
    const found = type === "struct item" || type === "item" ? ITEM[path] : undefined;
    return found && { name: path, ...found };
  },
  members: () => undefined,
  scalars: () => undefined,
  enumerator: () => undefined,
  variable: (name) => ({ head: "struct list_head", first: "struct item", pointer: "struct item *" })[name],
};

/** Items at 0x100, 0x200, …; the list's head at 0, a pointer at 0x20. `words` are 64-bit values by offset. */
function kernel(words: Readonly<Record<number, bigint>>): KernelObjects {
  const bytes = Buffer.alloc(0x1000);
  for (const [at, value] of Object.entries(words)) bytes.writeBigUInt64LE(BigInt.asUintN(64, value), Number(at));
  const addresses: Readonly<Record<string, bigint>> = { head: BASE, first: BASE + 0x100n, pointer: BASE + 0x20n };
  const addressesOf = (name: string) => [addresses[name]].filter((one) => one !== undefined);
  return {
    memory: virtualMemory({ vaddr: BASE, bytes: new Uint8Array(bytes) }),
    symbols: {
      source: "a test",
      address: (name) => addresses[name],
      addresses: addressesOf,
      matching: () => [],
      endingIn: () => [],
      nearest: () => undefined,
    },
    types,
  };
}

/** Offsets of what a rule leads to, and what it missed. */
function follow(rule: string, words: Readonly<Record<number, bigint>>) {
  const objects = kernel(words);
  const [parsed] = parseEraseRules({ name: "rules", text: rule });
  const target = parsed?.target;
  if (target?.kind !== "place") throw new Error("no such rule");
  const misses = noMisses();
  const finder = new ValueFinder(objects, { read: () => 0, next: () => Number.POSITIVE_INFINITY }, misses);
  const slabs = () => {
    throw new Error("no slabs here");
  };
  const elements = target.loop === undefined ? [undefined] : elementsOf(target.loop, finder, objects, slabs);
  const found: number[] = [];
  for (const element of elements) {
    for (const value of finder.find(target.place, element)) found.push(Number(value.address - BASE));
    if (found.length > 100) throw new Error("it does not end");
  }
  return { found, ...misses };
}

const NONE = { nulls: 0, unreachable: 0, broken: 0 };
const LIST = "member item.id of list head through list";
const at = (offset: number) => BASE + BigInt(offset);

test("a list is followed to its head, also when named by its first link", () => {
  const words = { 0: at(0x108), 264: at(0x208), 520: at(0x308), 776: at(0) };
  const found = [0x100, 0x200, 0x300];
  expect(follow(LIST, words)).toEqual({ found, ...NONE });
  expect(follow("for x in head within item:list\nerase x.id\nendfor", words)).toEqual({ found, ...NONE });
  expect(follow(LIST, { 0: at(0) })).toEqual({ found: [], ...NONE });
});

test("lists that lead nowhere, to no kernel address, or in a circle end and are counted", () => {
  expect(follow(LIST, { 0: at(0x108), 264: 0n })).toEqual({ found: [0x100], ...NONE, broken: 1 });
  expect(follow(LIST, { 0: at(0x108), 264: WILD })).toEqual({ found: [0x100], ...NONE, broken: 1 });
  expect(follow(LIST, { 0: at(0x5000) })).toMatchObject({ found: [0x4ff8], broken: 1 });
  const circle = follow(LIST, { 0: at(0x108), 264: at(0x208), 520: at(0x108) });
  expect(new Set(circle.found)).toEqual(new Set([0x100, 0x200]));
  expect(circle.broken).toBe(1);
});

test("a chain ends at 0 or at its first struct; a pointer to it is followed", () => {
  const rule = (first: string) => `member item.id of chain ${first} through next`;
  const words = { 32: at(0x100), 280: at(0x200), 536: at(0x300) };
  const found = [0x100, 0x200, 0x300];
  expect(follow(rule("first"), words)).toEqual({ found, ...NONE });
  expect(follow(rule("pointer"), words)).toEqual({ found, ...NONE });
  expect(follow(rule("first"), { ...words, 792: at(0x100) })).toEqual({ found, ...NONE });
  expect(follow("for x in pointer via next\nerase x.id\nendfor", words)).toEqual({ found, ...NONE });
  expect(follow(rule("first"), { ...words, 792: WILD })).toEqual({ found, ...NONE, unreachable: 1 });
  const circle = follow(rule("first"), { ...words, 792: at(0x200) });
  expect([new Set(circle.found), circle.broken]).toEqual([new Set(found), 1]);
  expect(follow(rule("pointer"), {})).toEqual({ found: [], ...NONE, nulls: 1 });
});

test("arrays of pointers, pointers behind pointers, elements by number, other types", () => {
  const words = { 296: at(0x200), 312: at(0x300), 552: at(0x300) };
  expect(follow("symbol first.all[*].id", words)).toEqual({ found: [0x200, 0x300], ...NONE, nulls: 1 });
  expect(follow("for x in first.all\nerase x.id\nendfor", words)).toMatchObject({ found: [0x200, 0x300], nulls: 1 });
  expect(follow("symbol first.all[0]->all[0].id", words)).toEqual({ found: [0x300], ...NONE });
  expect(follow("symbol pointer[2].id", { 32: at(0x100) })).toEqual({ found: [0x100 + 144], ...NONE });
  expect(follow("symbol first.name{item *}.text", { 288: at(0x300) })).toEqual({ found: [0x340], ...NONE });
  expect(follow(`symbol 0x${at(0x300).toString(16)}{item}.text[3]`, {})).toEqual({ found: [0x343], ...NONE });
  expect(follow("symbol first{char[4]}[*]", {})).toEqual({ found: [0x100, 0x101, 0x102, 0x103], ...NONE });
});

test.each([
  ["symbol nothing", "no symbol nothing"],
  ["symbol first.nothing", "no member nothing"],
  ["symbol first{nothing}", "no type nothing"],
  ["symbol first.id[*]", "is not an array"],
  ["symbol first.id.more", "no member id.more"],
  ["symbol first.all[3]", "no member all[3]"],
  ["symbol first{char[2000000]}[*]", "has 2000000 elements; at most 1048576 are followed"],
  ["symbol first{char[4]}[4]", "has no element 4"],
  ["symbol first{char[4]}{item}[1]", "is not an array"],
  ["member item.id of list first through list", "not a list_head"],
  ["member item.id of list head through id", "item has no list_head id"],
  ["member nothing.id of list head through list", "no type nothing"],
  ["member item.id of chain first through id", "id is int, not a pointer"],
])("%s: refused", (rule, message) => {
  expect(() => follow(rule, {})).toThrow(message);
});
