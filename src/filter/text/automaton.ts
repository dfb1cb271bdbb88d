import { byteSequences, EDGE_SEQUENCES } from "./code-points.js";
import type { PatternNode } from "./parse-pattern.js";

/**
 * A table that reads bytes: a state and a byte give the next state. States are row numbers times `classes`; in state 0
 * nothing can match any more.
 */
export interface Dfa {
  readonly next: Int32Array;
  /** Bytes that all states treat alike share a column. */
  readonly columns: Uint8Array;
  readonly classes: number;
  readonly start: number;
  /** The first state in which something has matched; in all states behind it, too. */
  readonly accepting: number;
  /** What has matched in each of these states, from `accepting` on: numbers of the joined patterns. */
  readonly accepts: readonly (readonly number[])[];
}

/** Limits for making a table. */
export interface TableLimits {
  readonly states: number;
  /** Steps of making it. */
  readonly work: number;
}

/** Steps that are left for all tables of a run: a file of rules takes seconds at most. */
export interface WorkBudget {
  work: number;
}

export const RUN_WORK = 10_000_000;

/** A pattern above these limits is refused: its table would have some MB, or take more than a second. */
export const PATTERN_LIMITS: TableLimits = { states: 6_000, work: 4_000_000 };
/** The most states before they are joined. */
const MAX_PARTS = 20_000;

/** No table can be made of a pattern. */
export class TooManyStates extends Error {}

interface Edge {
  readonly low: number;
  readonly high: number;
  readonly to: number;
}

/** A nondeterministic automaton, while it is built. */
export class Nfa {
  readonly edges: Edge[][] = [];
  readonly empty: number[][] = [];
  /** By state: the number of the pattern that has matched there. */
  readonly accept = new Map<number, number>();
  readonly #start: number;
  #entry: number;

  constructor() {
    this.#start = this.#state();
    this.#entry = this.#start;
  }

  #state(): number {
    if (this.edges.length >= MAX_PARTS) throw new TooManyStates();
    this.edges.push([]);
    return this.empty.push([]) - 1;
  }

  /** Adds a pattern, whose parts are read forwards or backwards; `number` is its number. */
  add(parts: readonly PatternNode[], reverse: boolean, number: number): void {
    const end = this.#build({ kind: "all", parts }, this.#start, reverse);
    this.accept.set(end, number);
  }

  /** Lets the patterns begin anywhere. */
  anywhere(): void {
    const loop = this.#state();
    this.#edge(loop, [0, 255], loop);
    (this.empty[loop] as number[]).push(this.#start);
    this.#entry = loop;
  }

  get entry(): number {
    return this.#entry;
  }

  #edge(from: number, [low, high]: readonly [number, number], to: number): void {
    (this.edges[from] as Edge[]).push({ low, high, to });
  }

  #build(node: PatternNode, from: number, reverse: boolean): number {
    switch (node.kind) {
      case "edge":
      case "set": {
        const to = this.#state();
        const isSet = node.kind === "set";
        for (const sequence of isSet ? byteSequences(node.ranges) : EDGE_SEQUENCES) {
          const steps = reverse ? [...sequence].reverse() : sequence;
          let at = from;
          steps.forEach((range, i) => {
            const next = i === steps.length - 1 ? to : this.#state();
            this.#edge(at, range, next);
            at = next;
          });
        }
        return to;
      }
      case "all": {
        let at = from;
        for (const part of reverse ? [...node.parts].reverse() : node.parts) at = this.#build(part, at, reverse);
        return at;
      }
      case "any": {
        const to = this.#state();
        for (const part of node.parts) {
          const begin = this.#state();
          (this.empty[from] as number[]).push(begin);
          (this.empty[this.#build(part, begin, reverse)] as number[]).push(to);
        }
        return to;
      }
      case "repeat":
        return this.#repeat(node, from, reverse);
    }
  }

  #repeat({ part, least, most }: PatternNode & { kind: "repeat" }, from: number, reverse: boolean): number {
    let at = from;
    for (let i = 0; i < least; i++) at = this.#build(part, at, reverse);
    if (most === Number.POSITIVE_INFINITY) {
      const loop = this.#state();
      (this.empty[at] as number[]).push(loop);
      (this.empty[this.#build(part, loop, reverse)] as number[]).push(loop);
      return loop;
    }
    const to = this.#state();
    (this.empty[at] as number[]).push(to);
    for (let i = least; i < most; i++) {
      at = this.#build(part, at, reverse);
      (this.empty[at] as number[]).push(to);
    }
    return to;
  }
}

/** Columns: bytes between which no edge begins or ends share one. */
function columnsOf({ edges }: Nfa): { columns: Uint8Array; classes: number } {
  const borders = new Set([0]);
  for (const list of edges) {
    for (const { low, high } of list) {
      borders.add(low);
      borders.add(high + 1);
    }
  }
  const columns = new Uint8Array(256);
  let column = -1;
  for (let byte = 0; byte < 256; byte++) {
    if (borders.has(byte)) column++;
    columns[byte] = column;
  }
  return { columns, classes: column + 1 };
}

/** For each state, the states that are reached without reading a byte; only states with edges or numbers count. */
class Closures {
  readonly #known: (readonly number[] | undefined)[] = [];

  constructor(private readonly nfa: Nfa) {}

  of(state: number): readonly number[] {
    const known = this.#known[state];
    if (known !== undefined) return known;
    const { empty, edges, accept } = this.nfa;
    const seen = new Set<number>([state]);
    for (const one of seen) for (const next of empty[one] as number[]) seen.add(next);
    const found = [...seen].filter((one) => (edges[one] as Edge[]).length > 0 || accept.has(one));
    this.#known[state] = found;
    return found;
  }
}

/** Makes the table. Throws `TooManyStates` above the limits. */
export function determinize(nfa: Nfa, limits: TableLimits, budget: WorkBudget): Dfa {
  const { columns, classes } = columnsOf(nfa);
  const closures = new Closures(nfa);
  const rows: number[][] = [[]];
  const known = new Map<string, number>([["", 0]]);
  const next: number[] = new Array(classes).fill(0);
  const stateOf = (states: number[]): number => {
    states.sort((a, b) => a - b);
    const key = states.join();
    const there = known.get(key);
    if (there !== undefined) return there;
    if (rows.length >= limits.states) throw new TooManyStates();
    known.set(key, rows.length);
    return rows.push(states) - 1;
  };
  const start = stateOf([...closures.of(nfa.entry)]);
  const targets: number[][] = Array.from({ length: classes }, () => []);
  const stamps = new Int32Array(nfa.edges.length);
  let stamp = 0;
  let work = 0;
  for (let row = 1; row < rows.length; row++) {
    for (const state of rows[row] as number[]) {
      for (const { low, high, to } of nfa.edges[state] as Edge[]) {
        for (let c = columns[low] as number; c <= (columns[high] as number); c++) (targets[c] as number[]).push(to);
      }
    }
    for (const list of targets) {
      const states: number[] = [];
      stamp++;
      for (const to of list) {
        for (const state of closures.of(to)) {
          work++;
          if (stamps[state] === stamp) continue;
          stamps[state] = stamp;
          states.push(state);
        }
      }
      list.length = 0;
      next.push(stateOf(states));
    }
    if (work > limits.work || budget.work < work) throw new TooManyStates();
  }
  budget.work -= work;
  return { ...inOrder(nfa, rows, next, classes, start), columns, classes };
}

/** Orders the rows so that those with matches are at the end. */
function inOrder(nfa: Nfa, rows: readonly number[][], next: readonly number[], classes: number, start: number) {
  const numbers = rows.map((states) =>
    [...new Set(states.flatMap((state) => nfa.accept.get(state) ?? []))].sort((a, b) => a - b),
  );
  const order = [...rows.keys()].sort((a, b) => Number(hasAny(numbers[a])) - Number(hasAny(numbers[b])) || a - b);
  const place = new Int32Array(rows.length);
  order.forEach((row, i) => {
    place[row] = i * classes;
  });
  const table = new Int32Array(next.length);
  order.forEach((row, i) => {
    for (let c = 0; c < classes; c++) table[i * classes + c] = place[next[row * classes + c] as number] as number;
  });
  const accepts = numbers.filter(hasAny);
  return {
    next: table,
    start: place[start] as number,
    accepting: (rows.length - accepts.length) * classes,
    accepts: order.map((row) => numbers[row] as number[]).filter(hasAny),
  };
}

const hasAny = (list: readonly number[] | undefined): boolean => (list?.length ?? 0) > 0;

/** 1 for each byte after which the table continues in the same way from all of its states. */
export function breaksOf({ next, columns, classes, start }: Dfa): Uint8Array {
  const isSame = (a: number, b: number): boolean => {
    for (let c = 0; a !== b && c < classes; c++) if (next[a + c] !== next[b + c]) return false;
    return true;
  };
  const breaks = Array.from({ length: classes }, (_, c) => {
    const goesTo = next[start + c] as number;
    // State 0 leads nowhere, and no state leads to it if a match may begin anywhere.
    for (let state = classes; state < next.length; state += classes) {
      if (!isSame(next[state + c] as number, goesTo)) return 0;
    }
    return 1;
  });
  return columns.map((column) => breaks[column] as number);
}
