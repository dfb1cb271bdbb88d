import { DumpError } from "../../errors.js";
import { bothCases, type CodeRange, codeSet, complement, MAX_CODE } from "./code-points.js";

/** A parsed pattern. */
export type PatternNode =
  /** One character of a set. */
  | { readonly kind: "set"; readonly ranges: readonly CodeRange[] }
  /** The code unit next to a word: not a letter, digit or _. */
  | { readonly kind: "edge" }
  | { readonly kind: "all"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "any"; readonly parts: readonly PatternNode[] }
  /** `most` may be Infinity. */
  | { readonly kind: "repeat"; readonly part: PatternNode; readonly least: number; readonly most: number };

/** A pattern, and its conditions for the characters around a match. */
export interface Pattern {
  readonly node: PatternNode;
  /** No letter, digit or _ may be before the match, or behind it. */
  readonly wordStart: boolean;
  readonly wordEnd: boolean;
}

/** The least characters of a match: shorter texts are in every dump by chance. */
const MIN_MATCH = 4;
const MAX_REPEAT = 1000;
/** The most nested parentheses. */
const MAX_DEPTH = 50;
const MAX_PATTERN = 2000;

const DIGITS: readonly CodeRange[] = [[0x30, 0x39]];
const WORD: readonly CodeRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const BLANKS: readonly CodeRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
];
/** Texts in memory end with a 0, so a negated set never contains it. */
const NUL: CodeRange = [0, 0];
const LINE_ENDS: readonly CodeRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
];

const but = (ranges: readonly CodeRange[]) => complement([NUL, ...ranges]);

/**
 * Parses the text between the slashes of `pattern /…/`; docs/erase.md describes the syntax. All of it is regular, so
 * that the pattern becomes an automaton, and the search never goes back. Throws `BAD_OPTION` with `where` as the file;
 * the message contains the column, never the pattern.
 */
export function parsePattern(source: string, ignoreCase: boolean, where: string): Pattern {
  return new PatternParser(source, ignoreCase, where).parse();
}

class PatternParser {
  readonly #text: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(
    source: string,
    private readonly ignoreCase: boolean,
    private readonly where: string,
  ) {
    this.#text = [...source];
  }

  parse(): Pattern {
    if (this.#text.length > MAX_PATTERN) throw this.#wrong(`a pattern has ${MAX_PATTERN} characters at most`);
    const wordStart = this.#take("\\b");
    const node = this.#any();
    const wordEnd = this.#take("\\b");
    if (this.#at < this.#text.length) {
      throw this.#wrong(this.#peek() === ")" ? "a ) without (" : "\\b stands only at the beginning and at the end");
    }
    if (leastOf(node) < MIN_MATCH) {
      throw this.#wrong(`a match could have fewer than ${MIN_MATCH} characters, as every dump has many by chance`);
    }
    return { node, wordStart, wordEnd };
  }

  #any(): PatternNode {
    if (++this.#depth > MAX_DEPTH) throw this.#wrong(`parentheses nest deeper than ${MAX_DEPTH}`);
    const parts = [this.#all()];
    while (this.#take("|")) parts.push(this.#all());
    this.#depth--;
    return parts.length === 1 ? (parts[0] as PatternNode) : { kind: "any", parts };
  }

  #all(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#text.length && !["|", ")"].includes(this.#peek()) && !this.#looksAt("\\b")) {
      parts.push(this.#repeated(this.#one()));
    }
    return parts.length === 1 ? (parts[0] as PatternNode) : { kind: "all", parts };
  }

  #one(): PatternNode {
    if (this.#take("(")) {
      if (this.#peek() === "?" && !this.#take("?:")) throw this.#wrong("(?: is the only ( with a ? that works");
      const inside = this.#any();
      if (!this.#take(")")) throw this.#wrong("a ( without )");
      return inside;
    }
    if (this.#take("[")) return this.#set(this.#class());
    if (this.#take(".")) return this.#set(but(LINE_ENDS));
    const char = this.#peek();
    if (["^", "$"].includes(char))
      throw this.#wrong(`${char} does not work: memory has no lines; write \\${char} for the character`);
    if (["*", "+", "?", "{"].includes(char)) throw this.#wrong(`nothing stands before ${char}`);
    if (["]", "}"].includes(char)) throw this.#wrong(`a ${char} alone: write \\${char}`);
    if (char === "\\") return this.#set(this.#escape());
    this.#at++;
    return this.#set([single(char)]);
  }

  #set(ranges: readonly CodeRange[]): PatternNode {
    return { kind: "set", ranges: this.ignoreCase ? bothCases(ranges) : codeSet(ranges) };
  }

  #repeated(part: PatternNode): PatternNode {
    let [least, most] = [1, 1];
    if (this.#take("*")) [least, most] = [0, Number.POSITIVE_INFINITY];
    else if (this.#take("+")) most = Number.POSITIVE_INFINITY;
    else if (this.#take("?")) least = 0;
    else if (this.#take("{")) [least, most] = this.#counts();
    else return part;
    if (["*", "+", "?", "{"].includes(this.#peek()))
      throw this.#wrong("two repetitions one after the other; the longest match is always taken");
    return { kind: "repeat", part, least, most };
  }

  #counts(): [number, number] {
    const least = this.#number();
    const most = this.#take(",") ? (this.#peek() === "}" ? Number.POSITIVE_INFINITY : this.#number()) : least;
    if (!this.#take("}")) throw this.#wrong("expected }");
    if (most < least || most === 0) throw this.#wrong("the second number of a repetition is below the first");
    return [least, most];
  }

  #number(): number {
    let digits = "";
    while (/^\d$/.test(this.#peek())) digits += this.#text[this.#at++];
    const value = Number(digits);
    if (digits === "" || value > MAX_REPEAT) throw this.#wrong(`expected a number up to ${MAX_REPEAT}`);
    return value;
  }

  /** Parses the content of brackets. */
  #class(): readonly CodeRange[] {
    const negated = this.#take("^");
    const ranges: CodeRange[] = [];
    while (!this.#take("]")) {
      const from = this.#member();
      const isRange = this.#peek() === "-" && this.#text[this.#at + 1] !== "]" && this.#at + 1 < this.#text.length;
      if (!isRange || from.length !== 1) {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#member();
      const [low, high] = [(from[0] as CodeRange)[0], to.length === 1 ? (to[0] as CodeRange)[0] : -1];
      if (high < low) throw this.#wrong("a range in [ ] that does not ascend");
      ranges.push([low, high]);
    }
    if (ranges.length === 0) throw this.#wrong("nothing in [ ]");
    const cased = this.ignoreCase ? bothCases(ranges) : ranges;
    return negated ? but(cased) : cased;
  }

  #member(): readonly CodeRange[] {
    const char = this.#peek();
    if (char === "") throw this.#wrong("a [ without ]");
    if (char === "\\") return this.#escape();
    this.#at++;
    return [single(char)];
  }

  #escape(): readonly CodeRange[] {
    this.#at++;
    const char = this.#peek();
    this.#at++;
    switch (char) {
      case "d":
        return DIGITS;
      case "w":
        return WORD;
      case "s":
        return BLANKS;
      case "D":
        return but(DIGITS);
      case "W":
        return but(WORD);
      case "S":
        return but(BLANKS);
      case "n":
        return [single("\n")];
      case "r":
        return [single("\r")];
      case "t":
        return [single("\t")];
      case "0":
        return [NUL];
      case "x":
        return [this.#code(2, 2)];
      case "u":
        return [this.#take("{") ? this.#code(1, 6, "}") : this.#code(4, 4)];
    }
    if (/^[\x21-\x2f:-@[-`{-~]$/.test(char)) return [single(char)];
    this.#at -= 2;
    throw this.#wrong(char === "" ? "a \\ at the end" : "unknown character after the \\");
  }

  #code(least: number, most: number, end = ""): CodeRange {
    let digits = "";
    while (digits.length < most && /^[0-9a-f]$/i.test(this.#peek())) digits += this.#text[this.#at++];
    const code = Number.parseInt(digits, 16);
    if (digits.length < least || code > MAX_CODE || (end !== "" && !this.#take(end))) {
      throw this.#wrong("expected \\xNN, \\uNNNN or \\u{N} with hexadecimal digits");
    }
    return [code, code];
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #looksAt(word: string): boolean {
    return [...word].every((char, i) => this.#text[this.#at + i] === char);
  }

  #take(word: string): boolean {
    if (!this.#looksAt(word)) return false;
    this.#at += word.length;
    return true;
  }

  #wrong(what: string): DumpError {
    return new DumpError("BAD_OPTION", `character ${this.#at + 1} of the pattern: ${what}`, {
      file: this.where,
      cure: "docs/erase.md shows what a pattern may contain",
    });
  }
}

function single(char: string): CodeRange {
  const code = char.codePointAt(0) as number;
  return [code, code];
}

/** The least characters of a match. */
function leastOf(node: PatternNode): number {
  switch (node.kind) {
    case "edge":
    case "set":
      return 1;
    case "all":
      return node.parts.reduce((sum, part) => sum + leastOf(part), 0);
    case "any":
      return Math.min(...node.parts.map(leastOf));
    case "repeat":
      return node.least * leastOf(node.part);
  }
}
