import { DumpError } from "../../errors.js";
import { ConfBlock } from "./conf-block.js";
import {
  type Condition,
  type EraseRule,
  type Loop,
  MAX_ERASE_RULES,
  MAX_SIZE,
  type Place,
  type Target,
} from "./erase-rule.js";
import { LineScanner } from "./line-scanner.js";
import { parseTextRule } from "./parse-text-rule.js";

/** A rules file: its name, for messages, and its text. */
export interface EraseFile {
  readonly name: string;
  readonly text: string;
}

/** The most bytes of a rules file: more than anyone writes, but `audit --rules` writes a rule for each place. */
export const MAX_ERASE_FILE = 16 << 20;
/** The most characters of a text behind a pointer. */
const MAX_TEXT = 4096;

/**
 * Parses a file of rules, one per line: docs/erase.md describes the form. Lines of makedumpfile.conf(5) are rules, too.
 * Throws `BAD_OPTION` with file, line, what was found and what was expected; `LIMIT` for a file that is too large.
 */
export function parseEraseRules({ name, text }: EraseFile): EraseRule[] {
  if (text.length > MAX_ERASE_FILE)
    throw tooLarge(name, `${text.length} characters; at most ${MAX_ERASE_FILE} are read`);
  const rules: EraseRule[] = [];
  const conf = new ConfBlock(name);
  text.split(/\r?\n/).forEach((raw, index) => {
    const texts = conf.open ? undefined : parseTextRule(raw, index + 1, name);
    if (texts !== undefined) rules.push(texts);
    if (rules.length > MAX_ERASE_RULES) throw tooLarge(name, `more than ${MAX_ERASE_RULES} rules`);
    if (texts !== undefined) return;
    const line = withoutComment(raw).trim();
    if (line === "") return;
    const where = `${name}:${index + 1}`;
    const scanner = new LineScanner(line, where);
    const optional = scanner.sign("?");
    const base = { line: index + 1, text: line, optional };
    const found = conf.take(scanner, base);
    if (found === undefined) rules.push({ ...base, ...ownRule(scanner, line) });
    else rules.push(...found);
    if (!scanner.ended) throw scanner.expected("the end of the line");
  });
  conf.end();
  if (rules.length > MAX_ERASE_RULES) throw tooLarge(name, `more than ${MAX_ERASE_RULES} rules`);
  if (rules.length === 0) {
    throw new DumpError("BAD_OPTION", "it has no rules", {
      file: name,
      cure: "docs/erase.md shows how rules are written",
    });
  }
  return rules;
}

/** A # begins a comment, except inside quotes. */
function withoutComment(line: string): string {
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"') quoted = !quoted;
    else if (line[i] === "#" && !quoted) return line.slice(0, i);
  }
  return line;
}

function tooLarge(file: string, what: string): DumpError {
  return new DumpError("LIMIT", what, { file, cure: "Name a file of erase rules" });
}

function ownRule(scanner: LineScanner, line: string): Pick<EraseRule, "name" | "target"> {
  const start = line.startsWith("?") ? line.slice(1).search(/\S/) + 1 : 0;
  const nameTo = () => line.slice(start, scanner.position);
  if (scanner.word("physical")) {
    const target = physical(scanner);
    return { name: nameTo(), target };
  }
  if (scanner.word("slab")) {
    const cache = scanner.free("the name of a slab cache");
    return { name: nameTo(), target: { kind: "slab", cache } };
  }
  let place: Place;
  let loop: Loop | undefined;
  if (scanner.word("symbol")) place = scanner.place("a symbol");
  else if (scanner.word("member")) [place, loop] = member(scanner);
  else
    throw scanner.expected(
      "symbol, member, slab, physical, text, bytes, pattern, class, or makedumpfile's erase, for, [vmlinux]",
    );
  const where = scanner.word("where") ? condition(scanner, loop) : undefined;
  const name = nameTo().replace(/^symbol\s+/, "");
  return {
    name,
    target: { kind: "place", place, loop, where, ...howMuch(scanner, loop !== undefined), maxText: MAX_TEXT },
  };
}

function physical(scanner: LineScanner): Target {
  const start = Number(scanner.number("a physical address"));
  let length: number;
  if (scanner.sign("-")) {
    const end = Number(scanner.number("the address behind the last byte"));
    length = end - start;
    if (length <= 0) throw scanner.expected("an end above the start");
  } else if (scanner.word("size")) length = scanner.size(MAX_SIZE);
  else throw scanner.expected("-END or size N");
  if (!Number.isSafeInteger(start) || start + length > 2 ** 52 || length > MAX_SIZE) {
    throw scanner.expected(`addresses below 2^52, and at most ${MAX_SIZE} bytes`);
  }
  return { kind: "physical", start, length };
}

function member(scanner: LineScanner): [Place, Loop] {
  const whole = scanner.place("TYPE.MEMBER");
  const { root = "", steps } = whole;
  if (steps.length === 0 || root.startsWith("0")) throw scanner.expected("TYPE.MEMBER before it");
  const place: Place = { root: undefined, steps, text: whole.text };
  if (!scanner.word("of")) throw scanner.expected("of list, of chain or of slab");
  if (scanner.word("slab")) {
    return [place, { kind: "slab", cache: scanner.free("the name of a slab cache"), type: root }];
  }
  if (scanner.word("list")) {
    const head = scanner.place("the head of a list");
    const through = scanner.word("through") ? path(scanner) : undefined;
    return [place, { kind: "list", head, type: root, through }];
  }
  if (!scanner.word("chain")) throw scanner.expected("list, chain or slab");
  const first = scanner.place("the first struct of a chain");
  if (!scanner.word("through")) throw scanner.expected("through and the member that points to the next");
  return [place, { kind: "chain", first, type: root, through: path(scanner) }];
}

/** Reads a dotted path of members. */
function path(scanner: LineScanner): string {
  const place = scanner.place("a member");
  if (place.steps.some(({ kind }) => kind !== "member"))
    throw scanner.expected("a path of members, without [ ] and { }");
  return place.text.replaceAll("->", ".");
}

function condition(scanner: LineScanner, loop: Loop | undefined): Condition {
  if (loop === undefined) throw scanner.expected("no where: only rules of member have elements to choose from");
  const place = scanner.elementPlace(".MEMBER of the element");
  if (!scanner.sign("=")) throw scanner.expected("=");
  const text = scanner.quoted();
  if (text !== undefined) return { place, value: { text } };
  if (scanner.atNumber) return { place, value: { number: scanner.number("a number") } };
  return { place, value: { symbol: scanner.name('a number, a symbol or a "text"') } };
}

function howMuch(scanner: LineScanner, hasElement: boolean): { size: number | Place | undefined; nullify: boolean } {
  if (scanner.word("nullify")) return { size: undefined, nullify: true };
  if (!scanner.word("size")) return { size: undefined, nullify: false };
  if (scanner.atNumber) return { size: scanner.size(MAX_SIZE), nullify: false };
  const what = "a number of bytes, or where that is";
  return { size: hasElement && scanner.atElement ? scanner.elementPlace(what) : scanner.place(what), nullify: false };
}
