/** Erase rules: what each form means, what is said of wrong ones, and that no text does worse than that. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DumpError } from "../../../src/errors.js";
import { parseEraseRules } from "../../../src/filter/erase/parse-rules.js";

const parse = (text: string) => parseEraseRules({ name: "rules", text });
const target = (text: string) => parse(text)[0]?.target;
const member = (name: string) => ({ kind: "member", name });

function messageOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof DumpError) return error.message;
    throw error;
  }
  return "";
}

test("a symbol with steps, types, elements and a size", () => {
  expect(target("symbol init_uts_ns{uts_namespace}.name->nodename[3] size 2K # host")).toMatchObject({
    place: {
      root: "init_uts_ns",
      steps: [{ kind: "type", type: "uts_namespace" }, member("name"), member("nodename"), { kind: "index", index: 3 }],
    },
    loop: undefined,
    size: 2048,
    nullify: false,
  });
  expect(target("symbol 0xffffffff81000000{char[16]}")).toMatchObject({
    place: { root: "0xffffffff81000000", steps: [{ kind: "type", type: "char[16]" }] },
  });
  expect(target("symbol a.b[*].c nullify")).toMatchObject({
    place: { steps: [member("b"), { kind: "all" }, member("c")] },
    nullify: true,
  });
});

test("members of lists, chains and slab caches, with a condition", () => {
  expect(target("member task_struct.comm of list init_task.tasks")).toMatchObject({
    place: { root: undefined, steps: [member("comm")] },
    loop: { kind: "list", type: "task_struct", through: undefined },
  });
  expect(target("member super_block.s_id of list super_blocks through s_list")).toMatchObject({
    loop: { kind: "list", through: "s_list" },
  });
  expect(target("member file_system_type.name of chain file_systems through next")).toMatchObject({
    loop: { kind: "chain", type: "file_system_type", through: "next" },
  });
  expect(
    target(
      'member key.payload.data[0]{user_key_payload *}.data of slab "key jar" where .type = key_type_user size .datalen',
    ),
  ).toMatchObject({
    loop: { kind: "slab", cache: "key jar", type: "key" },
    where: { place: { steps: [member("type")] }, value: { symbol: "key_type_user" } },
    size: { root: undefined, steps: [member("datalen")] },
  });
  expect(target('member key.a of slab k where .b = "x # y"')).toMatchObject({ where: { value: { text: "x # y" } } });
  expect(target("member key.a of slab k where .b = 0x10 nullify")).toMatchObject({
    where: { value: { number: 16n } },
    nullify: true,
  });
});

test("slab caches and physical ranges", () => {
  expect(target("slab kmalloc-rnd-01-96")).toEqual({ kind: "slab", cache: "kmalloc-rnd-01-96" });
  expect(target("physical 0x1000-0x3000")).toEqual({ kind: "physical", start: 0x1000, length: 0x2000 });
  expect(target("physical 4096 size 1M")).toEqual({ kind: "physical", start: 4096, length: 1 << 20 });
});

test("comments and empty lines are passed over, ? makes a rule optional, lines are counted", () => {
  const rules = parse("# all\n\n  ? symbol a # one\r\nslab b\n");
  expect(rules.map(({ line, optional, text, name }) => ({ line, optional, text, name }))).toEqual([
    { line: 3, optional: true, text: "? symbol a", name: "a" },
    { line: 4, optional: false, text: "slab b", name: "slab b" },
  ]);
});

test("makedumpfile.conf(5): its own example", () => {
  const text = `[vmlinux]
    erase array_var
    erase mystruct1.buffer size 25
    erase mystruct1.addr1 nullify
    erase mystruct2.addr size mystruct2.addr_size
    for mys1 in mystruct1 via next
       erase mys1.key size mys1.key_size
    endfor
    for mys1 in s1_list_head.next within s1:list
       erase mys1.private
       erase other
    endfor
    for mys1 in myarray
       erase mys1.key size 1k
    endfor`;
  const rules = parse(text);
  expect(rules.map(({ name }) => name)).toEqual([
    ...["array_var", "mystruct1.buffer", "mystruct1.addr1", "mystruct2.addr"],
    ...["mys1.key", "mys1.private", "other", "mys1.key"],
  ]);
  const targets = rules.map((rule) => rule.target);
  expect(targets[3]).toMatchObject({ size: { root: "mystruct2", steps: [member("addr_size")] } });
  expect(targets[4]).toMatchObject({
    ...{ place: { root: undefined }, loop: { kind: "chain", through: "next" } },
    size: { root: undefined, steps: [member("key_size")] },
  });
  expect(targets[5]).toMatchObject({ loop: { kind: "list", type: "s1", through: "list" } });
  expect(targets[6]).toMatchObject({ place: { root: "other" }, loop: undefined });
  expect(targets[7]).toMatchObject({ loop: { kind: "array" }, size: 1024 });
});

test.each([
  ["erase", "rules:1: found the end of the line, expected a symbol"],
  ["\nsymbol", "rules:2: found the end of the line, expected a symbol"],
  ["symbl a", 'rules:1: found "symbl a", expected symbol, member, slab, physical'],
  ["symbol a.", "found the end of the line, expected a member's name"],
  ["symbol a[x]", 'found "[x]", expected .MEMBER'],
  ["symbol a b", 'found "b", expected the end of the line'],
  ["symbol a size 0", 'found "0", expected a size'],
  ["symbol a size 5T", 'found "5T", expected a size'],
  ["symbol a size", "found the end of the line, expected a number of bytes"],
  ["symbol a where .b = 1", "expected no where"],
  ["member a.b", "expected of list"],
  ["member a of list b", "expected TYPE.MEMBER before it"],
  ["member a.b of tree c", 'found "tree c", expected list, chain or slab'],
  ["member a.b of chain c", "expected through"],
  ["member a.b of list c through d[0]", "expected a path of members"],
  ["member a.b of slab c where d = 1", 'found "d = 1", expected .MEMBER of the element'],
  ["slab", "expected the name of a slab cache"],
  ["physical 0x2000-0x1000", "expected an end above the start"],
  ["physical 0x2000", "expected -END or size N"],
  ["physical x", 'found "x", expected a physical address'],
  ["physical 0-0x10000000000000000", "expected"],
  ["[dm_mod]\nerase a", "rules:1: found the section [dm_mod]: coresieve looks up symbols of the kernel"],
  ["for a in b\nerase a", "rules:1: found the end of the file, expected endfor"],
  ["for a in b\nfor c in d", "loops do not nest"],
  ["for a in b\nsymbol c", 'rules:2: found "symbol c", expected erase or endfor'],
  ["for a in b\nendfor", "expected erase before endfor"],
  ["endfor", "expected for before endfor"],
  ["for a in b within c", "expected :"],
  ["# nothing", "rules: it has no rule"],
])("%j is refused with file, line, what was found and what was expected", (text, message) => {
  expect(messageOf(text)).toContain(message);
});

test("a file that is too large is refused", () => {
  expect(messageOf("symbol a\n".repeat(200_001))).toContain("more than 200000 rules");
  expect(messageOf("#".repeat((16 << 20) + 1))).toContain("at most 16777216");
});

test("any text is read or refused with its line", () => {
  const word = fc.constantFrom(
    ...["symbol", "member", "slab", "physical", "of", "list", "chain", "through", "where", "size", "nullify", "erase"],
    ...[
      "for",
      "in",
      "via",
      "within",
      "endfor",
      "[vmlinux]",
      "a",
      "a.b",
      "{c *}",
      "[3]",
      "[*]",
      ".d",
      "=",
      '"x"',
      '"',
      "#",
    ],
    ...["0x10", "12", "1K", "-", "->", "?", ":", "\n", " "],
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 30 }).map((words) => words.join(" ")),
    fc.array(word, { maxLength: 30 }).map((words) => words.join("")),
    fc.string({ unit: "binary", maxLength: 80 }),
  );
  fc.assert(
    fc.property(text, (one) => {
      const message = messageOf(one);
      if (message === "") expect(parse(one).length).toBeGreaterThan(0);
      else expect(message).toMatch(/^rules(:\d+)?: /);
    }),
    { numRuns: 3000 },
  );
});

test("what is written by the rules' form is read as it was meant", () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
  const step = fc.oneof(
    name.map((one) => [`.${one}`, member(one)] as const),
    fc.nat(999).map((index) => [`[${index}]`, { kind: "index", index }] as const),
    fc.constant(["[*]", { kind: "all" }] as const),
    name.map((one) => [`{${one} *}`, { kind: "type", type: `${one} *` }] as const),
  );
  fc.assert(
    fc.property(name, fc.array(step, { maxLength: 6 }), fc.integer({ min: 1, max: 1e9 }), (root, steps, size) => {
      const text = `symbol ${root}${steps.map(([written]) => written).join("")} size ${size}`;
      expect(target(text)).toMatchObject({ place: { root, steps: steps.map(([, meant]) => meant) }, size });
    }),
  );
});
