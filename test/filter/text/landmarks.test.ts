/** Patterns are looked for near their landmarks only: what is found is the same, in the same order, as by reading all of memory. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eraseRequest } from "../../../src/filter/erase/erase-run.js";
import { initialPlan } from "../../../src/filter/plan.js";
import { landmarkSearch } from "../../../src/filter/text/find-landmarks.js";
import { PatternFinder } from "../../../src/filter/text/find-patterns.js";
import { landmarkOf } from "../../../src/filter/text/landmarks.js";
import { parsePattern } from "../../../src/filter/text/parse-pattern.js";
import { EDGE, type RuleMatch } from "../../../src/filter/text/searched.js";
import { createSearcher } from "../../../src/filter/text/searcher.js";
import { TEXT_CLASSES } from "../../../src/filter/text/text-classes.js";
import { type TextSearch, textSearch } from "../../../src/filter/text/text-search.js";
import { openDump } from "../../../src/reader/open.js";
import { keptRanges } from "../../../src/worker/chunks.js";
import { searchState, searchTexts } from "../../../src/worker/search-texts.js";
import { dumpsPresent, realDump } from "../../support/dumps.js";
import { PATTERN_ATOMS } from "../../support/pattern-atoms.js";
import { plainLandmarks } from "../../support/plain-landmarks.js";

const FIRST = 8;

const classes = `${Object.keys(TEXT_CLASSES)
  .map((name) => `class ${name}`)
  .join("\n")}\n`;

function searchOf(rules: string): TextSearch {
  const { search } = eraseRequest({ name: "rules", text: rules });
  if (search === undefined) throw new Error("no texts in these rules");
  return search;
}

function patternsOf(sources: readonly string[]): TextSearch {
  const wanted = sources.map((source, rule) => ({
    ...{ rule, pattern: parsePattern(source, false, "rules:1"), refinement: undefined, where: "rules:1" },
  }));
  return textSearch(sources.length, [], wanted);
}

/** What is found by reading all, near the places of the plainest search, and near those of the module's. */
function threeWays(search: TextSearch) {
  const searcher = createSearcher([], 4096, 64);
  const landmarks = landmarkSearch(search.finders, searcher);
  const finder = new PatternFinder(search);
  return (content: Uint8Array): readonly (readonly RuleMatch[])[] => {
    // What lies there from the text before must make no difference.
    searcher.input.fill(0x61, 0, FIRST + content.length + 64);
    searcher.input.set(content, FIRST);
    const [from, to] = [FIRST, FIRST + content.length];
    searcher.input.fill(0, from - EDGE, from);
    searcher.input.fill(0, to, to + EDGE);
    const searched = { bytes: searcher.input, from, to };
    return [undefined, plainLandmarks(search.finders, searched), landmarks?.(from - EDGE, to + EDGE)].map((places) => {
      const matches: RuleMatch[] = [];
      finder.find(searched, (match) => matches.push(match), places);
      return matches;
    });
  };
}

/** Pieces of what the classes look for, whole ones, and what stands between. */
const pieces = fc.constantFrom(
  ...["4111", " ", "-", "4111111111111111", "5555 5555 5555 4444", "-----", "BEGIN RSA PRIVATE KEY-----", "\n", "QUJD"],
  ...[
    "-----END PRIVATE KEY-----",
    "eyJ",
    "eyJhbGci.eyJzdWIi.c2ln",
    ".",
    "@",
    "jane.doe@mail.example.org",
    "a@b.co@c.com",
  ],
  ...[
    "AKIA",
    "AKIAIOSFODNN7EXAMPLE",
    "secret",
    "secret_key = ",
    "wJalrXUtnFEMIK7MDENGbPxRfiCY",
    "=",
    '"',
    "10.1.2.3",
    "1.2",
  ],
  ...[
    "2001:db8::7",
    ":",
    "fe80",
    "::",
    "\0",
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "\xff",
    "\xc3\xbc",
    "_",
    "x",
    "7",
    "word",
  ],
);
const text = fc.array(pieces, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(""), "latin1"));

test("all classes, in texts of pieces of them", () => {
  const find = threeWays(searchOf(classes));
  fc.assert(
    fc.property(text, (content) => {
      const [all, plain, module] = find(content);
      expect(plain).toEqual(all);
      expect(module).toEqual(all);
    }),
    { numRuns: 1500 },
  );
});

test.each(Object.keys(TEXT_CLASSES))("class %s alone, in any bytes, and in texts", (name) => {
  const search = searchOf(`class ${name}`);
  expect(search.finders.map(({ landmarks }) => landmarks === undefined)).toEqual([false]);
  const find = threeWays(search);
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 300 }), fc.stringMatching(/^[0-9.:@ -]{0,99}$/)), (bytes) => {
      const [all, plain, module] = find(Buffer.from(bytes as never));
      expect(plain).toEqual(all);
      expect(module).toEqual(all);
    }),
    { numRuns: 500 },
  );
});

const atom = fc.constantFrom(
  ...PATTERN_ATOMS,
  "\\s*",
  ...["(?:ab?|c)", "[^ ]+", "\\d", "ü", "[a-ü]", "(?:a\\d*b){2}", "\\0"],
  ...["(?:|b)", "(?:a?b?)", "(?:c?)+", "(?:(?:ab)?)*", "(?:b?){1,3}", "(?:(?:a?)?)+"],
);
const ends = fc.constantFrom("ab?[abc]cd?a", "[abc]{4}@", "[abc]{4}(?:|\\d)@", "[abc]{4}(?:ü|ab@+)");
const source = fc
  .tuple(fc.constantFrom("", "\\b"), fc.array(atom, { minLength: 1, maxLength: 6 }), ends, fc.constantFrom("", "\\b"))
  .map(([before, parts, end, behind]) => `${before}${parts.join("")}${end}${behind}`);

test("any patterns, also many at once, in texts of few letters", () => {
  fc.assert(
    fc.property(
      fc.array(source, { minLength: 1, maxLength: 6 }),
      fc.array(fc.stringMatching(/^[abcd ü1@\0]{0,60}$/), { minLength: 1, maxLength: 8 }),
      (sources, texts) => {
        const find = threeWays(patternsOf(sources));
        for (const content of texts) {
          const [all, plain, module] = find(Buffer.from(content));
          expect(plain).toEqual(all);
          expect(module).toEqual(all);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  // The landmark is the last byte of a match, and nothing goes on behind it.
  ["[a-z]{4}(?:|\\d)@", "abcd1@"],
  ["[a-z]{4}(?:\\d?[a-z]?)@", "abcd1@"],
  ["b(?:a{2,}[a-c])é|(?:Q#)+[a-c]@+", "baaaé"],
  // What may be absent is there more than once.
  ["BCD(?:X?)+@", "BCDXXX@"],
  ["BCD(?:X?)*@", "BCDXXX@"],
  ["BCD(?:X?){1,3}@", "BCDXXX@"],
  ["BCD(?:(?:X?)?)+@", "BCDXXX@"],
])("/%s/ finds %s", (pattern, match) => {
  const content = Buffer.from(`  ${match}  ${" ".repeat(300)}`);
  const [start, end] = [FIRST + 2, FIRST + 2 + Buffer.byteLength(match)];
  for (const found of threeWays(patternsOf([pattern]))(content)) expect(found).toEqual([{ rule: 0, start, end }]);
});

test("what every match has: the rarest of it", () => {
  const of = (pattern: string, ignoreCase = false) =>
    landmarkOf(parsePattern(pattern, ignoreCase, "").node)?.map((set) =>
      String.fromCharCode(...[...set.keys()].filter((byte) => set[byte] === 1)),
    );
  expect(of("\\bA[KS]IA[A-Z2-7]{16}\\b")).toEqual(["A", "KS", "I", "A"]);
  expect(of("(?:aws_?)?secret=[a-z]+", true)).toEqual(["Rr", "Ee", "Tt", "="]);
  expect(of("x?@(?:q|zz)+QQ")).toEqual(["qz", "Q", "Q"]);
  expect(of("\\d\\d?(?:\\.\\d\\d?){3}")).toEqual([".0123456789", "0123456789", ".", "0123456789"]);
  expect(of("Ü{4}")).toEqual(["\x9c", "\xc3"]);
  expect(of("B(?:X?)+@QQ")).toEqual(["@", "Q", "Q"]);
  // However often things are repeated, finding it takes no time.
  expect(of(`${"(?:".repeat(20)}[xy]Q${"){9}".repeat(20)}`)).toEqual(["xy", "Q", "xy", "Q"]);
  // Nothing that is rare.
  expect(of("[^&]{4}")).toBeUndefined();
  expect(of("(?:abcd|[^a]{9})")).toBeUndefined();
});

test.skipIf(!dumpsPresent)(
  "all pages of a real dump, with matches across their borders",
  { timeout: 120_000 },
  async () => {
    const dump = openDump((await realDump("tiny-x86-6.1")).vmcore);
    const plan = initialPlan(dump, undefined);
    for (const rules of [
      classes,
      "pattern /[a-z]+_[a-z]+\\d\\b/\npattern /Linux version \\S+/\npattern /[^,;]{4}=.*/\n",
    ]) {
      const state = searchState(dump.memory, dump.pageSize, plan.kept, searchOf(rules));
      expect(state.landmarks).toBeDefined();
      for (const range of keptRanges(plan.kept, plan.maxMapnr, 2048)) {
        expect(searchTexts(state, range)).toEqual(searchTexts({ ...state, landmarks: undefined }, range));
      }
    }
    dump.close();
  },
);

describe("the module", () => {
  test("places at borders of 16 bytes, behind zeros, and more than it tells at once", () => {
    const search = patternsOf(["@q[0-9]+x"]);
    const searcher = createSearcher([], 4096, 64);
    const find = landmarkSearch(search.finders, searcher);
    for (let at = 0; at < 200; at++) {
      searcher.input.fill(0, 0, 400);
      searcher.input.set(Buffer.from("@q7"), at);
      expect(find?.(0, 300)).toEqual([[at]]);
      expect(find?.(at + 1, 300)).toEqual([[]]);
    }
    searcher.input.fill(0, 0, 400);
    const every = 64;
    for (let at = 0; at < searcher.room; at += every) searcher.input.set(Buffer.from("@q7\0"), at);
    expect(find?.(0, searcher.room)).toEqual([Array.from({ length: searcher.room / every }, (_, i) => i * every)]);
    // Too many to be worth it.
    for (let at = 0; at < searcher.room; at += 4) searcher.input.set(Buffer.from("@q7\0"), at);
    expect(find?.(0, searcher.room)).toEqual([undefined]);
  });
});
