/** Patterns of erase rules: what they match, against JavaScript's own, in three encodings; what is refused, in one line. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PatternFinder } from "../../../src/filter/text/find-patterns.js";
import { parsePattern } from "../../../src/filter/text/parse-pattern.js";
import type { RuleMatch, TextEncoding } from "../../../src/filter/text/searched.js";
import { TEXT_CLASSES } from "../../../src/filter/text/text-classes.js";
import { textSearch, type WantedPattern } from "../../../src/filter/text/text-search.js";
import { WideTexts } from "../../../src/filter/text/wide-texts.js";
import { failureOf } from "../../support/open.js";
import { PATTERN_ATOMS } from "../../support/pattern-atoms.js";

function encoded(text: string, encoding: TextEncoding): Buffer {
  if (encoding === "utf8") return Buffer.from(text);
  const bytes = Buffer.from(text, "utf16le");
  return encoding === "utf16le" ? bytes : bytes.swap16();
}

const wanted = (source: string, ignoreCase = false): WantedPattern => ({
  ...{ rule: 0, pattern: parsePattern(source, ignoreCase, "rules:1"), refinement: undefined, where: "rules:1" },
});

/** What is erased of a text: each byte of a match becomes X. */
function erased(patterns: readonly WantedPattern[], bytes: Buffer): { bytes: Buffer; count: number } {
  const around = 4;
  const padded = new Uint8Array(bytes.length + 2 * around);
  padded.set(bytes, around);
  const out = Buffer.from(padded);
  const searched = { bytes: padded, from: around, to: around + bytes.length };
  const matches: RuleMatch[] = [];
  const finder = new PatternFinder(textSearch(1, [], patterns));
  finder.find(searched, (match) => matches.push(match));
  new WideTexts(finder).find(searched, (match) => matches.push(match));
  for (const { start, end } of matches) out.fill(0x58, start, end);
  return { bytes: out.subarray(around, out.length - around), count: matches.length };
}

const ENCODINGS: readonly TextEncoding[] = ["utf8", "utf16le", "utf16be"];

const erasedText = (source: string, text: string, ignoreCase = false) =>
  `${erased([wanted(source, ignoreCase)], Buffer.from(text)).bytes}`;

test.each([
  ["secret", "a secret, secrets", "a XXXXXX, XXXXXXs"],
  ["\\bsecret\\b", "a secret, secrets, secret", "a XXXXXX, secrets, XXXXXX"],
  ["key=\\w+", "key=abc_1;key=;key=x", "XXXXXXXXX;key=;XXXXX"],
  ["user-\\d{2,3}", "user-1 user-12 user-1234", "user-1 XXXXXXX XXXXXXXX4"],
  ["(?:red|green)fish", "redfish greenfish bluefish", "XXXXXXX XXXXXXXXX bluefish"],
  ["[^,]{4}", "abcd,ef", "XXXX,ef"],
  ["Jürgen [A-ZÄ-Ü][a-zß-ü]+", "Jürgen Müller.", `${"X".repeat(15)}.`],
  ["token\\.[a-f0-9]*\\/", "token.ab0/ tokenXab0/", "XXXXXXXXXX tokenXab0/"],
  ["ab(?:cd)*ef", "abef abcdcdef abcef", "XXXX XXXXXXXX abcef"],
  ["aba\\x62?[\\u0061-\\u{63}]", "ababc", "XXXXX"],
  // What overlaps goes, too: nothing may be left that begins in the middle of a match.
  ["abcab", "abcabcab", "XXXXXXXX"],
])("/%s/ in %j", (source, text, expected) => {
  expect(erasedText(source, text)).toBe(expected);
});

test("/…/i: letters of both cases", () => {
  expect(erasedText("pass[w-y]ord", "PassWord pASSXORD", true)).toBe("XXXXXXXX XXXXXXXX");
});

test.each(ENCODINGS)("%s: at even and odd places, between other bytes", (encoding) => {
  for (const pad of [0, 1, 2, 3]) {
    const text = encoded("Jürgen-42", encoding);
    const bytes = Buffer.concat([Buffer.alloc(pad, 0xfe), text, Buffer.alloc(pad, 0xff)]);
    const result = erased([wanted("\\bJ[ü]rgen-\\d+\\b")], bytes);
    expect(result.count).toBe(1);
    expect(result.bytes.subarray(pad, pad + text.length)).toEqual(Buffer.alloc(text.length, 0x58));
    expect(result.bytes.subarray(0, pad)).toEqual(Buffer.alloc(pad, 0xfe));
    expect(result.bytes.subarray(pad + text.length)).toEqual(Buffer.alloc(pad, 0xff));
  }
});

const atom = fc.constantFrom(...PATTERN_ATOMS);

test("where JavaScript's own finds something, at least that is erased; where it finds nothing, nothing is", () => {
  fc.assert(
    fc.property(fc.array(atom, { minLength: 1, maxLength: 6 }), fc.stringMatching(/^[abc]{0,40}$/), (parts, text) => {
      const source = `${parts.join("")}abca`;
      const result = `${erased([wanted(source)], Buffer.from(text)).bytes}`;
      const matches = [...text.matchAll(new RegExp(source.replaceAll("[^a]", "[^a\0]"), "g"))];
      if (matches.length === 0) expect(result).toBe(text);
      for (const match of matches) expect(result.slice(match.index, match.index + match[0].length)).toMatch(/^X+$/);
    }),
    { numRuns: 500 },
  );
});

test("many patterns at once find what each finds alone", () => {
  const sources = ["alpha\\d+", "\\bbeta[a-z]*\\b", "gamma(?:-x)+", "[0-9]{4}-[0-9]{4}"];
  const text = Buffer.from("alpha12 beta betas xbeta gamma-x-x 1234-5678 12345-67890 alphabeta");
  const together = erased(
    sources.map((source) => wanted(source)),
    text,
  );
  let alone: Buffer = text;
  for (const source of sources) alone = erased([wanted(source)], alone).bytes;
  expect(`${together.bytes}`).toBe(`${alone}`);
});

describe("classes", () => {
  const byClass = (name: string, text: string, encoding: TextEncoding = "utf8") => {
    const patterns = (TEXT_CLASSES[name] ?? []).map(({ source, ignoreCase = false, refinement }) => ({
      ...wanted(source, ignoreCase),
      refinement,
    }));
    const { bytes } = erased(patterns, encoded(text, encoding));
    if (encoding === "utf8") return `${bytes}`;
    // An X of two bytes, and what is left as it was.
    const units = encoding === "utf16be" ? Buffer.from(bytes).swap16() : bytes;
    return units.toString("utf16le").replaceAll("\u5858", "X");
  };
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${"QUJD".repeat(16)}\n${"MTIz".repeat(5)}==\n-----END RSA PRIVATE KEY-----`;
  const token = `eyJ${"a".repeat(20)}.eyJ${"b".repeat(30)}.c-_${"d".repeat(20)}`;
  test.each<[string, string, readonly string[]]>([
    ["card", "4111 1111 1111 1111", ["4111 1111 1111 1112"]],
    ["card", "5555555555554444", ["55555555555544441", "5555555555554445"]],
    ["card", "3782-822463-10005", ["1782822463100051"]],
    ["private-key", key, ["-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"]],
    ["jwt", token, ["eyJhbGci", "eyJabc.def.ghi", "a.b.c"]],
    ["e-mail", "jane.doe+x@mail.example.org", ["getty@tty1.service", "a@b", "@example.org"]],
    ["aws-key", "AKIAIOSFODNN7EXAMPLE", ["AKIAIOSFODNN7EXAMPLEX", "BKIAIOSFODNN7EXAMPLE"]],
    ["aws-key", `aws_secret_access_key = ${"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`, ["secret_key = none"]],
    ["ipv4", "192.168.7.23", ["127.0.0.1", "6.1.0.13.7", "300.1.1.1", "1.2.3"]],
    ["ipv6", "2001:db8::7", ["::1", "52:54:00:12:34:56", "50:06:01:60:3b:20:1f:4a", "std::string"]],
    ["ipv6", "fe80::5054:ff:fe12:3456", []],
  ])("%s: %j", (name, hit, misses) => {
    for (const encoding of ENCODINGS) {
      const around = byClass(name, `<${hit}>`, encoding);
      expect(around).toBe(`<${"X".repeat(hit.length)}>`);
    }
    for (const miss of misses) expect(byClass(name, `<${miss}>`)).toBe(`<${miss}>`);
  });

  test("a card's number among other numbers", () => {
    expect(byClass("card", "id 12 4111 1111 1111 1111 07")).toBe("id 12 XXXXXXXXXXXXXXXXXXX 07");
  });

  test("a key that is cut off: what is there of it", () => {
    expect(byClass("private-key", `text\0${key.slice(0, 60)}\0more`)).toBe(`text\0${"X".repeat(60)}\0more`);
    const tail = key.slice(40);
    expect(byClass("private-key", `text\0${tail} more`)).toBe(`text\0${"X".repeat(tail.length)} more`);
  });

  test("addresses one behind the other leave nothing that a second round would find", () => {
    const once = byClass("e-mail", "a@b.co@c.com");
    expect(byClass("e-mail", once)).toBe(once);
    expect(once).not.toContain("@");
  });
});

test.each([
  ["(abcd", "a ( without )"],
  ["abcd)", "a ) without ("],
  ["abc", "fewer than 4 characters"],
  ["abcd|x*", "fewer than 4 characters"],
  ["(?=abcd)", "(?: is the only"],
  ["(?<name>abcd)", "(?: is the only"],
  ["^abcd", "^ does not work"],
  ["abcd\\1", "unknown character after the \\"],
  ["abcd+?", "two repetitions one after the other"],
  ["abcd{2001}", "expected a number up to 1000"],
  ["abcd{3,2}", "the second number of a repetition is below the first"],
  ["ab[z-a]cd", "does not ascend"],
  ["ab[]cd", "nothing in [ ]"],
  ["abcd[", "a [ without ]"],
  ["ab\\bcd", "\\b stands only at the beginning and at the end"],
  ["abcd\\", "a \\ at the end"],
  ["*abcd", "nothing stands before *"],
  [`${"(".repeat(60)}abcd${")".repeat(60)}`, "nest deeper"],
])("/%s/ is refused: %s", (source, message) => {
  const error = failureOf(() => parsePattern(source, false, "rules:7"));
  expect(error).toMatchObject({ code: "BAD_OPTION" });
  expect(error.message).toContain(message);
  expect(error.message).toContain("rules:7");
  expect(error.message).not.toContain("\n");
});

test.each(["(?:a|[ab]{9}c|[bc]{500}){1000}d", "[ab]*a[ab]{40}c", "(?:[a-z]{1000}){1000}"])(
  "/%s/ would be too many states, and is refused soon",
  (source) => {
    const error = failureOf(() => textSearch(1, [], [wanted(source)]));
    expect(error).toMatchObject({ code: "BAD_OPTION" });
    expect(error.message).toContain("too many states");
  },
);
