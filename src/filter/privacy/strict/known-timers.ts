import { type KernelObjects, readMember } from "../../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../../kernel/objects/per-cpu.js";
import type { KnownObjects } from "./known-objects.js";

/** Receives each timer by its type. */
export type TimerSink = Pick<KnownObjects, "object">;

/** More timers than any machine has for its processes and sockets. */
const MAX_TIMERS = 1 << 20;
/** BASE_STD and BASE_DEF; BASE_LOCAL, BASE_GLOBAL and BASE_DEF since 6.9. */
const MAX_BASES = 4;

/**
 * Adds waiting timers. They are in objects of any kind and on stacks, and their expiry time is not a small number.
 * CPUs' timer wheels (4.8 and later) and trees of high-resolution timers lead to them.
 */
export function knownTimers(kernel: KernelObjects, known: TimerSink): void {
  const finder = new TimerFinder(kernel, known);
  for (const cpu of possibleCpus(kernel) ?? []) {
    const wheels = kernel.symbols.address("timer_bases");
    const trees = kernel.symbols.address("hrtimer_bases");
    const at = (symbol: bigint | undefined) => (symbol === undefined ? undefined : perCpuAddress(kernel, symbol, cpu));
    finder.wheels(at(wheels));
    finder.trees(at(trees));
  }
}

class TimerFinder {
  readonly #kernel: KernelObjects;
  readonly #known: TimerSink;
  readonly #seen = new Set<bigint>();

  constructor(kernel: KernelObjects, known: TimerSink) {
    this.#kernel = kernel;
    this.#known = known;
  }

  wheels(bases: bigint | undefined): void {
    const { types, memory } = this.#kernel;
    const vectors = types.member("timer_base", "vectors");
    const size = types.sizeOf("timer_base");
    const link = types.member("timer_list", "entry")?.offset;
    if (bases === undefined || vectors?.count === undefined || size === undefined || link === undefined) return;
    for (let base = 0; base < this.#count("timer_bases"); base++) {
      const first = bases + BigInt(base * size + vectors.offset);
      for (let i = 0; i < vectors.count; i++) {
        let node = memory.readWord(first + BigInt(i * memory.wordSize)) ?? 0n;
        while (this.#isNew(node)) {
          this.#known.object("struct timer_list", node - BigInt(link));
          node = memory.readWord(node) ?? 0n;
        }
      }
    }
  }

  trees(base: bigint | undefined): void {
    const { types } = this.#kernel;
    const clocks = types.member("hrtimer_cpu_base", "clock_base");
    const link = types.member("hrtimer", "node.node")?.offset;
    if (base === undefined || clocks?.count === undefined || clocks.elementSize === undefined || link === undefined)
      return;
    for (let i = 0; i < clocks.count; i++) {
      const clock = base + BigInt(clocks.offset + i * clocks.elementSize);
      // Before 5.4 the tree's root itself; if it is neither, nothing is found.
      const root =
        readMember(this.#kernel, "hrtimer_clock_base", clock, "active.rb_root.rb_root.rb_node") ??
        readMember(this.#kernel, "hrtimer_clock_base", clock, "active.head.rb_node");
      const waiting = [root ?? 0n];
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        if (!this.#isNew(node)) continue;
        this.#known.object("struct hrtimer", node - BigInt(link));
        for (const side of ["rb_left", "rb_right"]) waiting.push(readMember(this.#kernel, "rb_node", node, side) ?? 0n);
      }
    }
  }

  #isNew(node: bigint): boolean {
    if (node === 0n || !this.#kernel.memory.isKernelAddress(node)) return false;
    if (this.#seen.has(node) || this.#seen.size >= MAX_TIMERS) return false;
    this.#seen.add(node);
    return true;
  }

  /** Number of bases per CPU: from the variable's type, if it is known. */
  #count(variable: string): number {
    const text = this.#kernel.types.variable(variable) ?? "[2]";
    return Math.min(Number(/\[(\d+)\]$/.exec(text)?.[1] ?? 1), MAX_BASES);
  }
}
