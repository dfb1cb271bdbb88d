import { DumpError } from "../../errors.js";
import {
  breaksOf,
  type Dfa,
  determinize,
  Nfa,
  PATTERN_LIMITS,
  RUN_WORK,
  type TableLimits,
  TooManyStates,
  type WorkBudget,
} from "./automaton.js";
import { type Landmark, landmarkOf } from "./landmarks.js";
import type { Pattern, PatternNode } from "./parse-pattern.js";
import type { Refinement } from "./refine.js";
import type { TextEncoding } from "./searched.js";

/** A pattern as tables. */
export interface PatternTables {
  /** The rule's number. */
  readonly rule: number;
  /** Reads from a match's last byte back to its beginning. */
  readonly backwards: Dfa;
  readonly forwards: Dfa;
  /** Bytes around a match that the tables read. */
  readonly before: number;
  readonly after: number;
  readonly refinement: Refinement | undefined;
}

/** A byte string of a rule. */
export interface RuleNeedle {
  readonly rule: number;
  /** `undefined` for bytes that are not text. */
  readonly encoding: TextEncoding | undefined;
  readonly bytes: Uint8Array;
}

/** All texts for which rules search, as plain data for the threads. */
export interface TextSearch {
  /** The number of rules. */
  readonly rules: number;
  readonly needles: readonly RuleNeedle[];
  readonly patterns: readonly PatternTables[];
  /** Every pattern is in one of these tables. */
  readonly finders: readonly PatternTable[];
}

/** A table that finds the ends of matches of some patterns; its numbers are indexes of patterns. */
export interface PatternTable {
  readonly dfa: Dfa;
  /** A landmark for each pattern: without one of them there is no match. `undefined` if a pattern has none. */
  readonly landmarks: readonly Landmark[] | undefined;
  /**
   * 1 for bytes after which the table continues in the same way, whatever came before: no match crosses such a byte.
   */
  readonly breaks: Uint8Array;
}

/** A rule's pattern, before its tables are made. */
export interface WantedPattern {
  readonly rule: number;
  readonly pattern: Pattern;
  readonly refinement: Refinement | undefined;
  /** File and line, for the error about a pattern that is too large. */
  readonly where: string;
}

/** Makes the tables. Throws `BAD_OPTION` for a pattern that is too large. */
export function textSearch(
  rules: number,
  needles: readonly RuleNeedle[],
  wanted: readonly WantedPattern[],
): TextSearch {
  const budget = { work: RUN_WORK };
  return {
    ...{ rules, needles },
    patterns: wanted.map((one) => tablesOf(one, budget)),
    finders: findersOf(wanted, 0, budget),
  };
}

/** The parts of a pattern, including the bytes required around it. */
function partsOf({ node, wordStart, wordEnd }: Pattern): PatternNode[] {
  const edge: PatternNode = { kind: "edge" };
  return [...(wordStart ? [edge] : []), node, ...(wordEnd ? [edge] : [])];
}

function tablesOf({ rule, pattern, refinement, where }: WantedPattern, budget: WorkBudget): PatternTables {
  const make = (reverse: boolean) =>
    made(where, () => {
      const nfa = new Nfa();
      nfa.add(partsOf(pattern), reverse, 0);
      return determinize(nfa, PATTERN_LIMITS, budget);
    });
  return {
    ...{ rule, refinement, backwards: make(true), forwards: make(false) },
    before: pattern.wordStart ? 1 : 0,
    after: pattern.wordEnd ? 1 : 0,
  };
}

function made<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TooManyStates)) throw error;
    throw new DumpError("BAD_OPTION", "the pattern has too many states", {
      file: where,
      cure: "Repeat with + and * instead of large numbers in { }, or make several patterns of it",
    });
  }
}

/** Patterns share a table as long as it stays small; finding out that it does not takes 0.1 s. */
const TOGETHER: TableLimits = { states: 2_000, work: 600_000 };

/**
 * One table for all patterns; if that is too large, one for each half of them. Each table is one pass over all memory.
 */
function findersOf(wanted: readonly WantedPattern[], first: number, budget: WorkBudget): PatternTable[] {
  if (wanted.length === 0) return [];
  const make = (limits: TableLimits) => {
    const nfa = new Nfa();
    wanted.forEach(({ pattern }, i) => {
      nfa.add(partsOf(pattern), false, first + i);
    });
    nfa.anywhere();
    const dfa = determinize(nfa, limits, budget);
    const landmarks = wanted.map(({ pattern }) => landmarkOf(pattern.node)).filter((one) => one !== undefined);
    return { dfa, landmarks: landmarks.length < wanted.length ? undefined : landmarks, breaks: breaksOf(dfa) };
  };
  if (wanted.length === 1) return [made((wanted[0] as WantedPattern).where, () => make(PATTERN_LIMITS))];
  try {
    return [make(TOGETHER)];
  } catch (error) {
    if (!(error instanceof TooManyStates)) throw error;
  }
  const half = wanted.length >> 1;
  return [...findersOf(wanted.slice(0, half), first, budget), ...findersOf(wanted.slice(half), first + half, budget)];
}
