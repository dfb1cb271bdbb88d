import { DumpError } from "../../errors.js";
import { parsePattern } from "../text/parse-pattern.js";
import { MAX_NEEDLE, MIN_NEEDLE } from "../text/searcher.js";
import { CLASS_NAMES } from "../text/text-classes.js";
import type { EraseRule, TextTarget } from "./erase-rule.js";

const CURE = "docs/erase.md shows how rules are written";
const RULE = /^(\?)?\s*(text|bytes|pattern|class)(?=[\s"/]|$)\s*(.*)$/s;

/**
 * Parses a line `text "…"`, `bytes HEX`, `pattern /…/` or `class NAME`; `undefined` if it is something else. Throws
 * `BAD_OPTION`, whose message never contains the line's content, because that is secret.
 */
export function parseTextRule(line: string, number: number, file: string): EraseRule | undefined {
  const [, optional, kind = "", rest = ""] = RULE.exec(line.trim()) ?? [];
  if (kind === "") return undefined;
  const where = `${file}:${number}`;
  const target = TARGETS[kind as keyof typeof TARGETS](rest, where);
  const name = target.kind === "class" ? `class ${target.name}` : `${kind} of line ${number}`;
  return { line: number, text: optional ? `? ${name}` : name, name, optional: optional !== undefined, target };
}

const TARGETS: Readonly<Record<TextTarget["kind"], (rest: string, where: string) => TextTarget>> = {
  text(rest, where) {
    const [, written] = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/s.exec(rest) ?? [];
    if (written === undefined)
      throw wrong(where, '"text" must be followed by a text in double quotes and nothing else; \\" is a quote in it');
    const text = unescaped(written, where);
    const { length } = Buffer.from(text);
    if (length < MIN_NEEDLE || length > MAX_NEEDLE / 2) {
      throw wrong(where, `the text has ${length} bytes; ${MIN_NEEDLE} to ${MAX_NEEDLE / 2} are allowed`);
    }
    return { kind: "text", text };
  },
  bytes(rest, where) {
    const digits = rest.replace(/#.*$/, "").replaceAll(/[\s:]/g, "");
    if (!/^(?:[0-9a-f]{2})+$/i.test(digits))
      throw wrong(where, '"bytes" must be followed by whole bytes in hexadecimal');
    const bytes = Buffer.from(digits, "hex");
    if (bytes.length < MIN_NEEDLE || bytes.length > MAX_NEEDLE || bytes.every((byte) => byte === 0)) {
      throw wrong(where, `found ${bytes.length} bytes; ${MIN_NEEDLE} to ${MAX_NEEDLE} are allowed, not all of them 0`);
    }
    return { kind: "bytes", bytes };
  },
  pattern(rest, where) {
    const [, source, flags = ""] = /^\/((?:[^/\\]|\\.)+)\/(i?)\s*(?:#.*)?$/s.exec(rest) ?? [];
    if (source === undefined)
      throw wrong(where, '"pattern" must be followed by /…/ or /…/i and nothing else; \\/ is a slash in it');
    return { kind: "pattern", pattern: parsePattern(source, flags === "i", where) };
  },
  class(rest, where) {
    const name = rest.replace(/#.*$/, "").trim();
    if (!CLASS_NAMES.includes(name)) throw wrong(where, `"class" must be followed by one of ${CLASS_NAMES.join(", ")}`);
    return { kind: "class", name };
  },
};

function unescaped(written: string, where: string): string {
  return written.replaceAll(
    /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gis,
    (_, long, four, two, char) => {
      const digits: string | undefined = long ?? four ?? two;
      if (digits !== undefined) {
        const code = Number.parseInt(digits, 16);
        if (code <= 0x10ffff) return String.fromCodePoint(code);
      } else if (char in SIGNS) return SIGNS[char] as string;
      throw wrong(where, 'in a text \\" \\\\ \\n \\r \\t \\xNN \\uNNNN and \\u{N} are known, no other \\');
    },
  );
}

const SIGNS: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", n: "\n", r: "\r", t: "\t" };

function wrong(where: string, what: string): DumpError {
  return new DumpError("BAD_OPTION", what, { file: where, cure: CURE });
}
