import { parsePattern } from "../text/parse-pattern.js";
import type { TextEncoding } from "../text/searched.js";
import { MACHINE_ADDRESS, TEXT_CLASSES } from "../text/text-classes.js";
import { type RuleNeedle, type TextSearch, textSearch, type WantedPattern } from "../text/text-search.js";
import { type EraseRule, isTextTarget } from "./erase-rule.js";
import type { EraseSpans } from "./spans.js";

/** The encodings in which a text may be in memory. */
function textForms(text: string): { readonly encoding: TextEncoding; readonly bytes: Uint8Array }[] {
  return [
    { encoding: "utf8", bytes: Buffer.from(text) },
    { encoding: "utf16le", bytes: Buffer.from(text, "utf16le") },
    { encoding: "utf16be", bytes: Buffer.from(text, "utf16le").swap16() },
  ];
}

/** What was found for one rule in the kept pages. */
export interface FoundOfRule {
  /** Number of places. */
  readonly count: number;
  readonly spans: EraseSpans;
}

/** What text rules search for. Rules are numbered by their index in `rules`. */
export interface WantedTexts {
  readonly rules: number;
  readonly needles: readonly RuleNeedle[];
  readonly patterns: readonly WantedPattern[];
}

/** `undefined` if there is no rule about texts. */
export function wantedTexts(rules: readonly EraseRule[], file: string): WantedTexts | undefined {
  if (!rules.some(({ target }) => isTextTarget(target))) return undefined;
  const needles: RuleNeedle[] = [];
  const patterns: WantedPattern[] = [];
  rules.forEach(({ target, line }, rule) => {
    const where = `${file}:${line}`;
    if (target.kind === "text") needles.push(...textForms(target.text).map((form) => ({ rule, ...form })));
    else if (target.kind === "bytes") needles.push({ rule, encoding: undefined, bytes: target.bytes });
    else if (target.kind === "pattern") {
      patterns.push({ rule, pattern: target.pattern, refinement: undefined, where });
    } else if (target.kind === "class") {
      for (const { source, ignoreCase = false, refinement } of TEXT_CLASSES[target.name] ?? []) {
        patterns.push({ rule, pattern: parsePattern(source, ignoreCase, where), refinement, where });
      }
    }
  });
  return { rules: rules.length, needles, patterns };
}

/** An address of the machine that a rule searches for: as a text, or as the kernel has it. */
export interface SearchedAddress {
  readonly rule: number;
  readonly text: string | Uint8Array;
}

/** The search tables, with the machine's addresses as further texts. Throws what `textSearch` throws. */
export function searchOf(
  { rules, needles, patterns }: WantedTexts,
  addresses: readonly SearchedAddress[] = [],
): TextSearch {
  const binary = addresses.flatMap(({ rule, text }): RuleNeedle[] =>
    typeof text === "string" ? [] : [{ rule, encoding: undefined, bytes: text }],
  );
  const more = addresses.flatMap(({ rule, text }): WantedPattern | readonly WantedPattern[] => {
    if (typeof text !== "string") return [];
    const source = `\\b${text.replaceAll(".", "\\.")}\\b`;
    return {
      rule,
      pattern: parsePattern(source, true, MACHINE_ADDRESS),
      refinement: undefined,
      where: MACHINE_ADDRESS,
    };
  });
  return textSearch(rules, [...needles, ...binary], [...patterns, ...more]);
}
